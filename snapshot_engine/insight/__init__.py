"""From annotated utterances to bounded insights: what a snapshot may be made of.

Everything here holds a fixed number of facts however long the transcript is;
what does not fit is evicted by a stated rule and counted.
"""
