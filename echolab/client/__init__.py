"""The sending side: Factory, Protocol, service, and their parts."""
