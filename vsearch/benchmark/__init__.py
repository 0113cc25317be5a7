"""Measuring this installation on this machine.

model.py   a model in each precision: pictures a second, latency, loading, memory
probe.py   one encoder, measured in a process of its own
"""
