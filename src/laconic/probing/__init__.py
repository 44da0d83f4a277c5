"""A short, cheap conversation with a service, held to find out what nobody documents (COST.md section 11).

    plan.py       the turns, and what they can cost at most
    script.py     a conversation as a generator: say this, listen for that; and what drives it
    notes.py      everything that happened, as facts
    asking.py     the conversation itself, turn by turn
    picture.py    what is shown to services with eyes
    equations.py  linear equations over whole tokens
    questions.py  what the facts say, one function a question
    results.py    the answers, and the laws they make
    report.py     the answers in Markdown
    probe.py      all of it on a connection

Nothing here but probe.py waits or touches the world.
"""
