"""``echolab completion``: scripts with which shells complete words after echolab."""
