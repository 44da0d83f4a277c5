"""Microphone, speaker and what stands in for them: sound in, sound out, and how much of it was heard.

Everything here speaks one language: PCM16 little-endian mono 24 kHz `bytes`, 48 bytes per millisecond. A device
pair and a pair of files look the same from outside (`duplex.Duplex`): chunks of 20 ms come in, a `PlayOut` queue
takes what shall be heard and counts what really left. Nothing in `clock`, `playout`, `echo`, `devices`, `files`
and `caller` knows that a service exists.
"""
