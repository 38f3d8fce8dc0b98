"""The resources Account and Subaccount as the official ``plivo`` SDKs know them (requirement F8).

Paths, bodies, answers and errors are Plivo's; access, bodies' limits, logs and figures are those of every other route.
"""
