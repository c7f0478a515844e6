"""The receiving side: Factory, Protocol and service, and what makes them up."""
