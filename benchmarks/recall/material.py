"""What people in generated conversations tell and are asked: happenings, tastes, changes, replies.

Each is told in one wording and asked about in others. `{v}` is the value that a question asks for,
`{p}` the person, `{when}` a time as people say it. Text only.
"""

from typing import NamedTuple

NAMES = (
    "Amara", "Bruno", "Celeste", "Dmitri", "Esther", "Farid", "Greta", "Hiroshi", "Imogen",
    "Jonas", "Keziah", "Leopold", "Marisol", "Nikhil", "Ottilie", "Priya", "Rasmus", "Saoirse",
)  # fmt: skip


class Happening(NamedTuple):
    """Something done once. `told`: what the person says. `near`: a question in the words of the
    statement. `far`: the same in others. `when`: a question for its date. `values`: of {v}.
    `answer`: what somebody may say to it."""

    told: str
    near: str
    far: str
    when: str
    values: tuple[str, ...]
    answer: str


HAPPENINGS = (
    Happening("{when} I finally ran the half marathon in {v}, my knees still hate me.",
              "Where did {p} run the half marathon?",
              "In which city did {p} take part in the long-distance race?",
              "When did {p} run the half marathon?", ("Ghent", "Tartu", "Bilbao", "Malmö"),
              "Twenty-one kilometres! Did you train for such a distance?"),
    Happening("We brought a puppy home {when}! The kids called her {v}.",
              "What did the kids call the puppy {p} brought home?",
              "What is the name of {p}'s dog?",
              "When did {p} get the puppy?", ("Biscuit", "Olive", "Pepper", "Waffles"),
              "A dog at last! Does she sleep through the night?"),
    Happening("{when} somebody dented my car right outside the {v}.",
              "Outside what was {p}'s car dented?",
              "Where was {p}'s vehicle damaged?",
              "When was {p}'s car dented?", ("bakery", "library", "gym", "town hall"),
              "Did they at least leave a note? The garage will want a fortune."),
    Happening("I signed the lease for a tiny studio on {v} {when}, top floor, no lift.",
              "On which street did {p} sign the lease for a studio?",
              "Which street is the workspace on that {p} rents?",
              "When did {p} sign the lease?", ("Harbour Row", "Mill Lane", "Quince Street"),
              "A workspace of your own! Is the rent all right?"),
    Happening("My grandmother's {v} broke {when} and I spent hours gluing the pieces.",
              "What of {p}'s grandmother's broke?",
              "Which heirloom did {p} repair?",
              "When did the thing of {p}'s grandmother break?", ("teapot", "music box", "mirror"),
              "You can't replace an heirloom like that. Does it hold?"),
    Happening("I gave a talk at the meetup {when}, about {v}, and hardly anybody fell asleep.",
              "What was {p}'s talk at the meetup about?",
              "Which subject did {p} present to an audience?",
              "When did {p} give the talk?", ("beekeeping", "typography", "tides", "compost"),
              "Was the audience nice to you? I'd have been so nervous."),
    Happening("{when} the doctor told me to cut out {v} for a while.",
              "What did the doctor tell {p} to cut out?",
              "Which food has {p} been advised to avoid?",
              "When did {p} see the doctor?", ("dairy", "gluten", "coffee", "peanuts"),
              "Is it an intolerance? My brother has to avoid it as well."),
    Happening("I sold the old {v} {when}; a student cycled across town to fetch it.",
              "Which old thing did {p} sell?", "What did {p} get rid of to a student?",
              "When did {p} sell it to a student?", ("accordion", "typewriter", "kayak", "loom"),
              "I never thought you'd part with it. Did you get a good price?"),
    Happening("{when} we were stuck for six hours at the airport in {v} because of fog.",
              "At which airport was {p} stuck because of fog?",
              "Where was {p}'s flight delayed by the weather?",
              "When was {p} stuck at the airport?", ("Porto", "Riga", "Cork", "Trieste"),
              "All flights delayed? They owe you a refund, you know."),
    Happening("They promoted me {when}: I lead the {v} group now.",
              "Which group does {p} lead since the promotion?",
              "What is {p}'s new position at work?",
              "When was {p} promoted?", ("imaging", "logistics", "payments", "archives"),
              "Congratulations on the new position! Does it come with more money?"),
    Happening("I had my first {v} lesson {when}, and I was dreadful.",
              "In what did {p} have a first lesson?", "Which new skill has {p} begun to learn?",
              "When did {p} have the first lesson?", ("fencing", "cello", "pottery", "sailing"),
              "Everybody is a beginner once. Will you keep learning?"),
    Happening("{when} my sister had twins, and one of them is called {v} after our uncle.",
              "What is one of the twins of {p}'s sister called?",
              "Which name did {p}'s baby nephew receive?",
              "When did {p}'s sister have twins?", ("Anselm", "Caspar", "Ignatius", "Valentin"),
              "Two babies at once! Are mother and nephews well?"),
    Happening("I volunteered at the {v} {when} and peeled about a thousand carrots.",
              "Where did {p} volunteer?", "For which charity has {p} helped out?",
              "When did {p} volunteer?", ("soup kitchen", "refugee centre", "night shelter"),
              "It's good of you to help. Do they need more people?"),
    Happening("{when} I lost my {v} on the tram, and of course nobody handed it in.",
              "What did {p} lose on the tram?", "Which belonging went missing on {p}'s commute?",
              "When did {p} lose something on the tram?", ("umbrella", "camera", "passport"),
              "Have you tried the lost property office? Things do turn up there."),
    Happening("We painted the bedroom {v} {when}; it looked different in the shop.",
              "What colour did {p} paint the bedroom?",
              "How are the walls at {p}'s place coloured?",
              "When did {p} paint the bedroom?", ("ochre", "teal", "lilac", "sage green"),
              "New walls make a new room. Do you like the colour in daylight?"),
    Happening("{when} I interviewed for a job at the {v}, fingers crossed.",
              "Where did {p} interview for a job?", "To which employer has {p} applied?",
              "When did {p} have the interview?", ("aquarium", "mint", "opera house", "zoo"),
              "I'd hire you on the spot. When will they let you know?"),
)  # fmt: skip


class Taste(NamedTuple):
    """What somebody likes, has or is. Two people may answer the same question differently.
    Fields as in `Happening`."""

    told: str
    near: str
    far: str
    values: tuple[str, ...]
    answer: str


TASTES = (
    Taste("Honestly, my favourite thing to cook is {v}, I could make it blindfolded.",
          "What is {p}'s favourite thing to cook?", "Which dish does {p} most enjoy preparing?",
          ("shakshuka", "risotto", "pierogi", "laksa"),
          "You should open a restaurant with that one dish."),
    Taste("I'm allergic to {v}, so please don't bring any.",
          "What is {p} allergic to?", "What makes {p} ill?",
          ("cats", "pollen", "shellfish", "wasps"),
          "Do you carry tablets? My aunt swells up like a balloon."),
    Taste("I grew up in {v}, you can hear it when I'm tired.",
          "Where did {p} grow up?", "What is {p}'s home town?", ("Galway", "Sibiu", "Oulu", "Pécs"),
          "I always wondered about your accent. Do you go home often?"),
    Taste("For work I mostly restore {v} these days.",
          "What does {p} restore for work?", "What is {p}'s occupation about?",
          ("maps", "clocks", "frescoes", "violins"),
          "What an unusual job. Where does one learn that?"),
    Taste("I collect {v}, the shelf is about to come down.",
          "What does {p} collect?", "What is {p}'s hobby at home, kept on a shelf?",
          ("snow globes", "matchboxes", "fossils", "stamps"),
          "Everyone needs a hobby. Which one is the oldest?"),
    Taste("Before bed I always listen to {v}, otherwise I can't sleep.",
          "What does {p} listen to before bed?", "What kind of audio helps {p} fall asleep?",
          ("shipping forecasts", "fado", "rain sounds", "old radio plays"),
          "I need silence to fall asleep, even a clock drives me mad."),
    Taste("If money were no object I'd live in {v} tomorrow.",
          "Where would {p} live if money were no object?",
          "Which place does {p} dream of moving to?",
          ("Lisbon", "Kyoto", "Patagonia", "Iceland"),
          "Then start packing. Dreams don't move by themselves."),
    Taste("My car is an ancient {v} with a tape deck.",
          "What is {p}'s car?", "Which vehicle does {p} drive?",
          ("Saab", "Lada", "Volvo", "Citroën"),
          "Does it still pass its inspection every year?"),
    Taste("I play {v} with the neighbours every Thursday.",
          "What does {p} play with the neighbours?", "Which game is {p}'s weekly pastime?",
          ("petanque", "bridge", "mahjong", "darts"),
          "A weekly game with neighbours sounds lovely. Who usually wins?"),
)  # fmt: skip


class Change(NamedTuple):
    """What is one way first and another later. `now`, `before`: questions for the later and for
    the earlier value."""

    first: str
    later: str
    now: str
    before: str
    values: tuple[str, ...]


CHANGES = (
    Change("Our choir rehearses on {v}s, if you ever want to come along.",
           "By the way, the choir moved: it's {v}s from now on.",
           "On which day does {p}'s choir rehearse now?",
           "On which day did {p}'s choir rehearse at first?", ("Monday", "Wednesday", "Friday")),
    Change("The wedding will be at the {v}, we paid the deposit.",
           "Change of plan, the wedding is at the {v} after all.",
           "Where will {p}'s wedding be after the change of plan?",
           "Where was {p}'s wedding going to be originally?",
           ("boathouse", "orangery", "old mill")),
    Change("My thesis supervisor is Professor {v}, very strict.",
           "I switched supervisors, it's Professor {v} now, what a relief.",
           "Who is {p}'s supervisor now?", "Who supervised {p} before the switch?",
           ("Lindqvist", "Abernathy", "Okafor")),
    Change("I'm budgeting {v} euros for the kitchen.",
           "The kitchen quote came back, make that {v} euros.",
           "How much will {p}'s kitchen cost by the latest figure?",
           "What did {p} first budget for the kitchen?", ("4,200", "6,750", "9,100")),
    Change("The band is called {v} for now.",
           "We renamed the band, we're {v} from today.",
           "What is {p}'s band called today?", "What was {p}'s band called first?",
           ("Velvet Harbour", "The Late Ferries", "Paper Lanterns")),
)  # fmt: skip


class Reply(NamedTuple):
    """An exchange whose answer means nothing without what was asked. `said`: by the other person;
    `reply`: by {p}."""

    said: str
    reply: str
    near: str
    values: tuple[str, ...]


REPLIES = (
    Reply("What did the plumber charge you in the end?", "{v}, and he didn't even fix it.",
          "What did the plumber charge {p}?", ("180", "240 plus tax", "ninety")),
    Reply("So who is going to look after the cats while you're away?",
          "{v}, I think. She has the key already.",
          "Who looks after {p}'s cats while {p} is away?", ("My neighbour", "Aunt Rosa", "Tilda")),
    Reply("How many people came to the exhibition?", "About {v}. We ran out of wine by eight.",
          "How many people came to {p}'s exhibition?", ("sixty", "two hundred", "a dozen")),
    Reply("Which book are you reading with the club this month?",
          "{v}. I'm only forty pages in.",
          "Which book does {p}'s club read?", ("Middlemarch", "Beloved", "The Leopard")),
    Reply("Did the landlord say why the heating was off?", "{v}, apparently since November.",
          "Why was {p}'s heating off?", ("A stuck valve", "No oil", "A dead pump")),
    Reply("What are you getting your mother for her birthday?",
          "{v}. Don't tell her!",
          "What does {p} give {p}'s mother for her birthday?",
          ("A hammock", "Opera tickets", "A fig tree")),
)  # fmt: skip


class Series(NamedTuple):
    """One kind of thing that comes up in several sessions. `told`: one wording a time."""

    told: tuple[str, ...]
    asked: str
    values: tuple[str, ...]


SERIES = (
    Series(("I spent the weekend in {v}, lovely and wet.",
            "Greetings from the train back from {v}!",
            "My photos from {v} are online at last."),
           "Which places has {p} travelled to?",
           ("Bruges", "Ljubljana", "Galicia", "Gdańsk", "Bergen", "Siena")),
    Series(("Just finished {v}, the ending made me cry.",
            "I'm halfway through {v} and can't put it down.",
            "Somebody lent me {v}, have you read it?"),
           "Which novels has {p} read?",
           ("Solaris", "Stoner", "The Bell Jar", "Kindred", "Austerlitz", "Heidi")),
    Series(("We saw {v} live, what a voice.",
            "I got tickets for {v}, front row!",
            "{v} signed my arm after the show."),
           "Which musicians has {p} gone to hear?",
           ("Mariza", "Nick Cave", "Björk", "Rosalía", "Tinariwen")),
    Series(("I planted {v} on the balcony.",
            "The {v} is already up to my knees.",
            "Snails ate all my {v}."),
           "What has {p} been growing?",
           ("chard", "borage", "sweet peas", "fennel", "radishes")),
)  # fmt: skip


class Trait(NamedTuple):
    """Something told, and a question that it answers only after some thought."""

    told: str
    asked: str


TRAITS = (
    Trait("I practise the saxophone in the cellar so the neighbours don't complain.",
          "Would {p} enjoy an evening at a jazz club?"),
    Trait("I faint at the sight of blood, always have.", "Would {p} make a good surgeon?"),
    Trait("Every summer I help at a camp for kids who lost a parent.",
          "Is {p} likely to be good with grieving children?"),
    Trait("I haven't eaten meat since I worked on that pig farm.",
          "Would {p} order the steak?"),
    Trait("I can't swim, I just stand in the shallow end looking busy.",
          "Should we invite {p} on a diving trip?"),
    Trait("I speak Portuguese with my grandparents.", "Could {p} get by in Brazil?"),
    Trait("I still can't ride a bicycle without falling into a hedge.",
          "Would {p} join a cycling holiday?"),
)  # fmt: skip

NEVER = (
    "What is the name of {p}'s goldfish?",
    "Which university did {p} drop out of?",
    "How tall is {p}'s brother?",
    "Why did {p} quit smoking?",
    "Which film festival did {p} attend as a juror?",
    "What did {p} say about the election?",
    "Which tattoo does {p} regret?",
    "Who taught {p} to juggle?",
    "How much did {p} pay for the telescope?",
    "Which island did {p} sail around?",
)
"""Questions that nobody's words answer."""
