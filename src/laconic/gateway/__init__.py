"""The gateway: the place an app points its address at, and everything between that socket and the service's."""
