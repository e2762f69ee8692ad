"""What fills generated conversations: exchanges of two turns about everyday things, whose words
come up in questions as well, and the long output of tools. Text only; knows nothing of questions.
"""

EXCHANGES = (
    ("Did you see the sky this morning? Pink all the way to the {place}.",
     "I was asleep, as usual. I only ever see the sky from the {place}."),
    ("I can't decide between the {thing} and the {other}.",
     "The {other}, obviously. You already have three of the {thing}."),
    ("Work was a mess today, the {thing} stopped working twice.",
     "Ours too! Somebody ought to look at that {thing} properly."),
    ("Have you had lunch? I'm thinking of that place by the {place}.",
     "Only if they still do the soup. Last time it was all gone by one."),
    ("My neighbour is drilling again, I swear he is building a {thing} in there.",
     "Ha, lend him your {other} and maybe he'll finish sooner."),
    ("You look tired. Is everything all right at home?",
     "Just a long week. The kids were up all night, and then the {thing} leaked."),
    ("I read that they want to close the {place} for good.",
     "Again? They say that every year, and then people sign something."),
    ("Do you remember that {thing} we used to have in the office?",
     "How could I forget? It made a noise like a dying {other}."),
    ("It's supposed to rain until the end of the month.",
     "Then I'm not leaving the house. I'll teach myself to knit a {thing}."),
    ("I tried that new café near the {place}. Overpriced, but the cake!",
     "Take me there. I need cake more than I need money."),
    ("My phone died in the middle of a call with my mother.",
     "She'll think you hung up on her. Call her from the {place}."),
    ("Somebody left a {thing} in the stairwell with a note: free.",
     "Did you take it? Tell me you didn't take it."),
    ("I think I'm getting a cold, everything hurts.",
     "Ginger, honey, bed. And stay away from the {place}."),
    ("The bus was so full that I walked from the {place}.",
     "Walking is good for you. That's what I tell myself as well."),
    ("What are you up to at the weekend?",
     "Nothing at all. Maybe clean the {thing}, if I'm feeling wild."),
    ("They changed the opening hours of the {place} again.",
     "I noticed when I stood there with the {thing} under my arm."),
    ("I had the strangest dream, you were selling {thing}s at the {place}.",
     "Was I making any money at least?"),
    ("Can I borrow your {thing} on Saturday?",
     "Sure, but bring it back with all its parts this time."),
    ("My cousin is visiting and wants to see the {place}.",
     "In this weather? Take them to see a film."),
    ("I'm thinking of getting rid of the {thing}, it only collects dust.",
     "You said that about the {other} too, and now you miss it."),
    ("Guess who I met at the {place}? Our old maths teacher!",
     "No way. Does he still wear that coat?"),
    ("The recipe said twenty minutes. It has been an hour.",
     "Recipes lie. Is there at least something to nibble on?"),
    ("Happy to see you! It has been too long.",
     "Far too long. So, tell me everything."),
    ("I promised myself not to buy another {thing} this year.",
     "It is a long year. I give it two weeks."),
    ("The kids are doing a play about a lost {thing}.",
     "Let me guess, it was at the {place} all along."),
)  # fmt: skip
"""A remark and its answer."""

PLACES = (
    "harbour", "market", "library", "station", "town hall", "park", "bakery", "museum", "gym",
    "river", "cinema", "church", "post office", "swimming pool", "old mill", "bookshop",
)  # fmt: skip
THINGS = (
    "kettle", "printer", "umbrella", "bicycle", "lamp", "heater", "ladder", "sofa", "camera",
    "coat", "mirror", "radio", "basket", "drill", "toaster", "typewriter", "guitar", "kayak",
)  # fmt: skip
GREETINGS = (
    "Hey {other}, how have you been?", "Hi {other}! Good to hear from you.", "Morning, {other}.",
    "{other}! Finally.", "Hello {other}, got a minute?",
)  # fmt: skip
FAREWELLS = ("Talk soon, {other}!", "I have to run. Bye, {other}.", "Take care, {other}.")

SERVICES = ("billing", "search", "gateway", "mailer", "ledger", "sessions", "uploads", "catalogue")
LOG_LINES = (
    "{time} {service}[{number}]: request {hash} took {ms} ms",
    "{time} {service}[{number}]: retrying upstream {service2}, attempt {n}",
    "{time} {service}[{number}]: cache miss for key {hash}",
    "{time} {service}[{number}]: connection pool at {n} of 32",
    "{time} {service}[{number}]: flushed {ms} rows to disk",
    "{time} {service}[{number}]: health check ok",
)
FINDINGS = (
    ("{time} {service}[{number}]: FATAL certificate {hash} expired on node {v}",
     "On which node did the certificate of {service} expire?",
     ("kestrel", "osprey", "merlin", "harrier")),
    ("{time} {service}[{number}]: refused: schema version {v} is newer than this build",
     "Which schema version did {service} refuse?", ("41.7", "58.2", "63.0", "77.4")),
    ("{time} {service}[{number}]: disk quota of volume {v} exceeded, dropping writes",
     "Which volume of {service} ran out of space?", ("amber-3", "slate-9", "cobalt-1")),
    ("{time} {service}[{number}]: deadlock between transactions, victim is job {v}",
     "Which job was the victim of the deadlock in {service}?", ("J-5512", "J-8034", "J-2290")),
)  # fmt: skip
REQUESTS = (
    "Can you look at the log of {service}?", "{service} is misbehaving again, have a look please.",
    "Check {service} for me, somebody was paged.",
)  # fmt: skip
SUMMARIES = (
    "I went through the log of {service}; one line near the middle matters, the rest is noise.",
    "Found something in {service}, it is in the output above.",
    "Most of {service} is healthy. The failing part is in the lines I pulled.",
)
