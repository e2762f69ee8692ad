"""Questions that nothing in a generated conversation answers, though much of it is near: for a
detail that nobody told, and for another thing than the one that was told of.

Each belongs to what `material` has people tell, and was written before anything was measured on it.
"""

DETAILS = (
    "How long did {p} take for the half marathon?",
    "Which breed is the puppy that {p} brought home?",
    "Who dented {p}'s car?",
    "How much is the rent of {p}'s studio?",
    "How old was what broke of {p}'s grandmother's?",
    "How many people heard {p}'s talk at the meetup?",
    "What is the name of {p}'s doctor?",
    "How much did the student pay {p}?",
    "With which airline did {p} fly when there was fog?",
    "How much more does {p} earn since the promotion?",
    "Who gave {p} the first lesson?",
    "In which hospital were the twins of {p}'s sister born?",
    "Who else volunteered together with {p}?",
    "Which tram line did {p} take that day?",
    "Which brand of paint did {p} use in the bedroom?",
    "Who interviewed {p} for the job?",
)
"""Of each of `HAPPENINGS`, in order, what nobody says. `{p}`: whom it happened to."""

OTHER_THINGS = (
    "What is the name of {p}'s cat?",
    "Which motorbike does {p} ride?",
    "What colour did {p} paint the garage door?",
    "At which railway station was {p} stuck because of snow?",
    "What did the dentist tell {p} to stop eating?",
    "Where did {p} go to school?",
    "What did {p} find on the tram?",
    "Which instrument does {p}'s brother play?",
    "Where did {p} swim in a race?",
    "What does {p} sell for a living?",
    "Which old thing did {p} buy?",
    "Who is {p}'s landlord?",
)
"""Near to something told, and never told."""
