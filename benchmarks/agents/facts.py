"""Forty facts that somebody mentions once and asks about much later, in other words.

Each comes with the question and with distractors: other claims, other people's numbers, other
dates. `{v}` is the fact's value; other slots are filled anew each time.
"""

from typing import NamedTuple


class Lookup(NamedTuple):
    """What a user asks for, the tool call that the agent makes, and its result."""

    request: str
    tool: str
    query: str
    result: str


Statement = str | Lookup
"""A user's words, or something that a tool finds."""


class Fact(NamedTuple):
    """`value`: its kind of value, a key of `values.VALUES`. `distractors`: statements with other
    values of that kind."""

    kind: str
    value: str
    statement: Statement
    question: str
    distractors: tuple[Statement, ...]


FACTS: tuple[Fact, ...] = (
    Fact("id", "claim",
         "The dishwasher people finally replied. They opened a warranty claim, reference {v}, and "
         "want photos of the leaking door seal.",
         "I'm on hold with the appliance company about the dishwasher. Which claim number do I "
         "give?",
         ("The claim for the cracked phone screen is {v}, different insurer though.",
          "I registered the toaster for the recall, they gave me {v} as a reference.")),
    Fact("id", "booking",
         Lookup("Did the flights for the Lisbon offsite get booked?",
                "search_mail", "Lisbon flight confirmation",
                "From: bookings@azulair.example\nSubject: Your trip to Lisbon\n2 passengers, LHR "
                "to LIS, outbound {time}, return {time}.\nBooking code {v}. Online check-in "
                "opens 36 hours before departure. Hand luggage only."),
         "I want to check in for the Lisbon flight now, what's our locator?",
         (Lookup("And the train to {city}?", "search_mail", "rail ticket",
                 "From: tickets@eurorail.example\nSubject: Your journey\nCoach {n}, seats 41 and "
                 "42, departure {time}. Booking code {v}. Show the code to the conductor."),
          "The ferry to the island is under {v}, car included.")),
    Fact("id", "order",
         "Purchase order for the new server racks is {v}; finance wants it on everything that "
         "comes from Halvorsen.",
         "What PO number should Halvorsen put on the bill for the racks?",
         ("Purchase order for the office chairs: {v}.",
          "Halvorsen's delivery note says {v}, but that's theirs, not ours.")),
    Fact("id", "uuid",
         Lookup("Did the payments service go out with the rate limiter change?",
                "run_shell", "deployctl history payments --last 3",
                "payments  rolled out {time} by ci, {n} pods ready\n  change: add rate limiter "
                "to refunds\n  deployment {v}\n  previous superseded after {n} min"),
         "The auditors want the deployment id of the payments rollout with the rate limiter.",
         (Lookup("And the {service}?", "run_shell", "deployctl history --last 1",
                 "{service}  rolled out {time} by ci, {n} pods ready\n  change: bump base image\n "
                 " deployment {v}"),
          "Payments had to be rolled out again for the currency fix, deployment {v}.")),
    Fact("id", "card",
         "My library card number, since you asked: {v}. The PIN is the usual one.",
         "The library's website wants my membership number again. What do I type?",
         ("The gym gave me a new membership card, {v}.",
          "Ella's swimming club card is {v}, keep it with the school things.")),
    Fact("hash", "commit",
         "First build that survives the soak test is commit {v}. If a release goes wrong, that is "
         "what we roll back to.",
         "Tonight's release went wrong. Which commit did we agree to return to?",
         ("The flaky test came in with commit {v}, I bisected it.",
          "Release notes should start from commit {v}.")),
    Fact("hash", "sha256",
         Lookup("Can you work out the checksum of the router firmware they sent?",
                "run_shell", "sha256sum ~/Downloads/ax3200-sysupgrade.bin",
                "{v}  ax3200-sysupgrade.bin"),
         "Before I flash the router: what should the SHA-256 of its firmware be?",
         (Lookup("Same for the camera firmware please.",
                 "run_shell", "sha256sum ~/Downloads/cam.bin",
                 "{v}  cam-{n}.bin"),
          Lookup("And the ISO for the old laptop?", "run_shell", "sha256sum ~/Downloads/*.iso",
                 "{v}  debian-netinst.iso"))),
    Fact("hash", "md5",
         "The data snapshot behind the churn paper has md5 {v}; reviewers will ask.",
         "A reviewer asks for the checksum of the data that the churn article used.",
         ("The snapshot for the pricing study is md5 {v}.",
          "Somebody overwrote the survey export, its md5 is {v} now.")),
    Fact("hash", "fingerprint",
         Lookup("What does the new bastion's host key look like? I want to compare when I log in.",
                "run_shell", "ssh-keyscan bastion | ssh-keygen -lf -",
                "256 SHA256:{v} bastion (ED25519)"),
         "SSH wants to know whether I trust the bastion. What was its key fingerprint?",
         (Lookup("And the backup host's?", "run_shell", "ssh-keyscan vault | ssh-keygen -lf -",
                 "256 SHA256:{v} vault (ED25519)"),
          Lookup("My own key's fingerprint?", "run_shell", "ssh-keygen -lf ~/.ssh/id_ed25519.pub",
                 "256 SHA256:{v} marta@laptop (ED25519)"))),
    Fact("hash", "sha256",
         "Security scanned the containers. For billing-worker the image that passed is "
         "sha256:{v}, nothing else may run in production.",
         "Which image digest of billing-worker did security clear?",
         ("The image of report-builder that failed the scan was sha256:{v}.",
          "Base image for this month: sha256:{v}.")),
    Fact("path", "path",
         "Signed contracts live in {v}/signed now, not on the old share.",
         "Where do I find a contract once both sides have signed?",
         ("Draft contracts stay in {v}/drafts until legal has looked.",
          "Signed expense forms go to {v}/expenses.")),
    Fact("path", "path",
         Lookup("Where did the scanner put grandma's recipe cards?", "find_files", "recipe scan",
                "{path}/scan_0001.tif\n{v}/grandma_recipes/001-plum-cake.pdf\n{v}/grandma_recipes/0"
                "02-dumplings.pdf\n{path}/receipts.pdf"),
         "In which folder are the scanned recipes of my grandmother, the plum cake and so on?",
         (Lookup("And the old holiday slides?", "find_files", "slides scan",
                 "{v}/slides/box1/0001.tif\n{v}/slides/box1/0002.tif"),
          "I moved the cake photos for the blog to {v}/blog.")),
    Fact("path", "bucket",
         "Nightly Postgres dumps go to {v} with 14 days of retention.",
         "A colleague needs to know where the nightly dumps of the database are put.",
         ("Weekly dumps of the wiki land in {v}, different bucket prefix.",
          "The analytics export of Postgres goes to {v}.")),
    Fact("path", "certificate",
         Lookup("Which certificate does the reverse proxy in the office serve?",
                "run_shell", "nginx -T | grep ssl_",
                "    ssl_protocols TLSv1.2 TLSv1.3;\n    ssl_certificate {v};\n    "
                "ssl_session_timeout {n}m;"),
         "The office proxy's certificate expires soon; which file do I have to replace?",
         (Lookup("And the one on the mail relay?", "run_shell", "postconf smtpd_tls_cert_file",
                 "smtpd_tls_cert_file = {v}"),
          "The lab proxy uses {v}, self-signed.")),
    Fact("path", "link",
         "Here is the deck for the board: {v}. View-only, ask me for edit rights.",
         "Send me the link to the slides for the board meeting.",
         ("The all-hands deck is at {v}.",
          "Sales made their own slides, {v}, please don't use them.")),
    Fact("amount", "price",
         "The roofer's quote came: {v} including scaffolding, good for 30 days.",
         "How much did the roofer want, scaffolding and all?",
         ("The painter wants {v} for the hallway and the stairs.",
          "Scaffolding alone would have been {v} from the other company.")),
    Fact("amount", "amount",
         Lookup("What did electricity cost me last quarter?", "bank_entries", "electricity",
                "{iso}  card    Corner Bakery            -{amount}\n{iso}  debit   Northgrid "
                "Energy        -{v}\n{iso}  credit  {company}   +{amount}"),
         "What was the last quarterly bill from Northgrid for power?",
         (Lookup("And water?", "bank_entries", "water",
                 "{iso}  debit   Severn Water   -{v}\n{iso}  card    {company}   -{amount}"),
          "Northgrid sent a refund of {v} for the meter mix-up.")),
    Fact("amount", "price",
         "We settled the contractor budget: capped at {v} for the third quarter, Priya signed it "
         "off.",
         "What ceiling did Priya approve for contractors in Q3?",
         ("Priya wants the travel budget under {v} this quarter.",
          "The contractor budget in the second quarter ended at {v}.")),
    Fact("amount", "percent",
         "The mortgage offer came in at {v} fixed for five years, we have until the end of the "
         "month.",
         "Which rate did the bank offer us on the mortgage?",
         ("The savings account pays {v} from next week.",
          "The neighbours got {v} on theirs, but variable.")),
    Fact("amount", "amount",
         Lookup("Is the cottage in Ullapool confirmed?", "search_mail", "Ullapool cottage",
                "From: stay@lochside.example\nSubject: Your week in Ullapool\nKeys are in the "
                "box by the door, code follows. A deposit of {v} is held until a week after "
                "departure. Dogs are welcome, {n} pounds each."),
         "How much deposit is the owner of the cottage still holding?",
         (Lookup("What about the van?", "search_mail", "van hire",
                 "From: hire@wheelhouse.example\nSubject: Van hire\nA deposit of {v} is blocked "
                 "on your card until {day}."),
          "The cottage's cleaning fee is {v}, payable in cash.")),
    Fact("date", "date",
         "Nadia's wisdom teeth come out on {v}; she mustn't eat from midnight.",
         "When is Nadia having her teeth done?",
         ("Nadia's driving test is on {v}.",
          "My own dentist check-up is only on {v}.")),
    Fact("date", "moment",
         Lookup("When was the boiler inspection again?", "calendar", "boiler",
                "{moment}  Stand-up with {first}\n{v}  Boiler inspection, engineer needs the "
                "loft key\n{moment}  Parents' evening"),
         "When are they coming to look at the boiler?",
         (Lookup("And the chimney sweep?", "calendar", "chimney",
                 "{moment}  Book club\n{v}  Chimney sweep"),
          "The lift inspection at the office is {v}.")),
    Fact("date", "date",
         "The domain quillworks.example lapses on {v} if nobody renews it.",
         "By when do we have to renew the quillworks domain?",
         ("The trademark has to be renewed by {v}.",
          "Our other domain is paid until {v}.")),
    Fact("date", "date",
         "I looked it up: my passport expires on {v}, so renew it before the big trip.",
         "How long is my passport still valid?",
         ("Jan's passport is good until {v}.",
          "The travel insurance expires on {v}.")),
    Fact("date", "moment",
         Lookup("Has the consulate answered about the visa?", "search_mail", "consulate visa",
                "From: visa@consulate.example\nSubject: Your appointment\nPlease come on {v}, "
                "second floor, and bring two photographs and proof of funds. Reference {booking}."),
         "What day and time do I have to be at the consulate?",
         (Lookup("And the notary?", "search_mail", "notary appointment",
                 "From: office@notary.example\nSubject: Appointment\nWe expect you on {v} with "
                 "both passports."),
          "The visa photos can be picked up {v}.")),
    Fact("name", "doctor",
         "The surgeon who did Dad's hip is {v}; he liked her a lot.",
         "Who operated on my father's hip?",
         ("Dad's new GP is {v}.",
          "The knee surgeon they first sent us to was {v}.")),
    Fact("name", "person",
         Lookup("Any word from Brightline about the new contract?",
                "search_mail", "Brightline account",
                "From: hello@brightline.example\nSubject: A change in your team\nFrom {day} on "
                "{v} will be your account manager. Your rates stay as they are until {iso}."),
         "Who looks after our account at Brightline these days?",
         (Lookup("And at {company}?", "search_mail", "account manager",
                 "From: team@supplier.example\nSubject: Introduction\nI'm {v}, your account "
                 "manager, and reachable until {time}."),
          "Brightline's driver who always brings the parcels is {v}.")),
    Fact("name", "person",
         "Ella's new maths teacher is {v}, she seems strict but fair.",
         "What's the name of the teacher that Ella has in math?",
         ("Ella's piano teacher is {v}.",
          "The head teacher, {v}, wants to see all parents.")),
    Fact("name", "lighthouse",
         "We christened the staging cluster {v}, to go with the lighthouse theme.",
         "What did we name the staging cluster?",
         ("The cluster for the data team is called pelican.",
          "Staging gets a second cluster next year, no name yet.")),
    Fact("name", "place",
         Lookup("What was the place in Bologna with the tortellini that Sofia raved about?",
                "search_mail", "Sofia Bologna tortellini",
                "From: Sofia\nSubject: Re: food!!\nGo to {v}, behind the market, no sign on the "
                "door. Order the tortellini in broth. Not the place on the square, that's for "
                "tourists."),
         "Sofia recommended somewhere to eat in Bologna. What's it called?",
         (Lookup("And did she say anything about Turin?", "search_mail", "Sofia Turin",
                 "From: Sofia\nSubject: Turin\nFor chocolate: {company}, near the station."),
          "{first} says the gelato in Bologna is best near the towers.")),
    Fact("preference", "seat",
         "Whenever you book a flight for me: {v}, even if it costs a little more.",
         "You can book the plane to Vienna for me. Which seat do I want?",
         ("On trains I don't care where I sit, as long as there is a socket.",
          "Jan always wants the seat next to the toilet on flights, don't ask.")),
    Fact("preference", "ending",
         "Mails to the Hamburg team should end with {v}, they find the English formula stiff.",
         "How do I like mails to Hamburg to be signed off?",
         ("The team in Oslo writes without any greeting at all.",
          "Mails to customers end with my full name and title.")),
    Fact("preference", "coffee",
         "If you order drinks for the meeting, Tomasz takes {v}.",
         "What shall I order for Tomasz at the coffee place?",
         ("{first} only drinks peppermint tea in meetings.",
          "The coffee place closes early on Fridays, order before two.")),
    Fact("preference", "style",
         "House style of the pricing repository is {v}; the linter there is switched off.",
         "How does code in the pricing repository have to be formatted?",
         ("The frontend repository follows the formatter, no discussion.",
          "Pricing also wants one commit per change.")),
    Fact("preference", "room",
         "About hotels: I need {v}, otherwise I don't sleep.",
         "Reserve the hotel in Graz please. Do you remember what I need there?",
         ("{first} wants a hotel with a gym.",
          "Hotels near airports are fine for one night.")),
    Fact("phone", "phone",
         "The plumber who did the downstairs bathroom is Gareth, on {v}. Not cheap, but he comes.",
         "Water is dripping in the bathroom again. How do I reach the plumber?",
         ("The electrician is on {v}, mornings only.",
          "Gareth's apprentice left {v} in case.")),
    Fact("phone", "landline",
         Lookup("I need the vet's details in the phone, please.", "contacts", "Fernhill Vets",
                "Fernhill Veterinary Clinic\n  reception {landline}, weekdays\n  out of hours "
                "{v}\n  4 Mill Lane"),
         "The dog is limping and it's midnight. What's the out-of-hours number of Fernhill?",
         (Lookup("And the dog groomer's?", "contacts", "groomer",
                 "Paws & Co\n  phone {v}\n  closed on {day}"),
          "The kennel can be reached out of hours on {v}.")),
    Fact("phone", "landline",
         "The school office has a new number, {v}, the old one is dead.",
         "How do I ring the office of the school?",
         ("The number of the after-school club is {v}.",
          "The dentist's office called from {v}.")),
    Fact("phone", "landline",
         "Dial-in for incident calls is {v}, then hash. Everybody on rotation should save it.",
         "There's an incident. What do I dial to get into the call?",
         ("The dial-in for the quarterly call with investors is {v}.",
          "{first} from the incident team is on {v} when the bridge is down.")),
    Fact("phone", "phone",
         Lookup("Did the movers leave contact details for the piano delivery?",
                "search_mail", "piano delivery",
                "From: dispatch@heavylift.example\nSubject: Your piano\nTwo people arrive "
                "between {time} and {time}. Please clear the stairs. The crew can be called on "
                "{v} that day."),
         "The people with the piano are late. Which number can I call?",
         (Lookup("And the fridge?", "search_mail", "fridge delivery",
                 "From: dispatch@coolhouse.example\nSubject: Delivery\nYour driver can be called "
                 "on {v} after {time}."),
          "The piano tuner's mobile is {v}.")),
)  # fmt: skip
"""Five of each kind."""
