"""The stand-in service: it listens, answers, forgets and bills like the real one, without a key or a bill."""
