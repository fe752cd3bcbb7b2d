"""What people in a made-up customer meeting say: phrases with slots, and the words that fill them.

Data only. A slot is `{name}`; `dialogue` knows how each is filled. Nobody and
nothing in here is real on purpose: first names and cities are common ones,
companies and products are assembled.
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


FIRST_NAMES = _words("""
Maria James Priya Chen Fatima Lukas Aisha David Elena Omar Sofia Daniel Mei Thomas Ingrid Kwame Hannah Raj
Olivia Mateo Yuki Sarah Ahmed Grace Pavel Laura Diego Amara Peter Leila Michael Anna Tariq Julia Victor Nina
Samuel Clara Hugo Zainab Robert Emily Andrei Carmen Felix Nadia William Ruth Marco Helen Kofi Irene George
Lena Arjun Alice Bruno Martha Simon Dalia Frank Rosa Kenji Vera Patrick Joan Ivan Tessa Henry Noor Oscar Judith
""")  # fmt: skip

SURNAMES = _words("""
Okafor Lindqvist Romero Tanaka Whitfield Petrov Nakamura Fischer Delgado Osei Kowalski Brennan Haddad Iyer
Santos Moreau Virtanen Bianchi Hughes Novak Adeyemi Larsen Castillo Weber Sharma Murphy Yamamoto Rossi Keller
Andersen Mensah Dubois Hoffman Silva Park Cohen Reyes Jansen Walsh Ito Marchetti Barros Popescu Grant Saleh
""")  # fmt: skip

PLACES = _lines("""
    Berlin
    Toronto
    Singapore
    Chicago
    London
    Munich
    São Paulo
    Nairobi
    Austin
    Dublin
    Tokyo
    Amsterdam
    Mumbai
    New York
    Paris
    Lagos
    Stockholm
    Sydney
    Mexico City
    Warsaw
    Zürich
    Denver
    Madrid
    Cape Town
    Seoul
    Boston
    Lisbon
    Manila
    Germany
    Canada
    Brazil
    Japan
    Kenya
    Poland
    Texas
    California
    Ontario
    Spain
    the Netherlands
    the United Kingdom
    India
    Vietnam
""")

COMPANY_HEADS = _words("""
Northwind Acme Meridian Bluefield Castor Halcyon Summit Vertex Orchard Redwood Pinnacle Harbor Evergreen
Falcon Granite Juniper Keystone Lakeside Monarch Solstice Tidewater Union Willow Zenith Beacon Cobalt Delta
""")  # fmt: skip

COMPANY_TAILS = _words("""
Logistics Health Energy Systems Foods Bank Retail Insurance Software Mobility Partners Group Labs Analytics
Industries Media Pharma Telecom Robotics Capital Airlines Motors Networks Holdings Inc. GmbH Ltd.
""")  # fmt: skip

PRODUCTS = _lines("""
    FlowDesk
    Insight Hub
    Pulse
    Relay
    DataBridge
    Ledger Cloud
    Atlas
    SignalBox
    OnTrack
    Switchyard
    Compass
    Workbench
    Lighthouse
    TeamSpace
    Radar
    Anchor
""")

ROLES = _words("""
CFO CTO CIO controller architect analyst director engineer consultant buyer supervisor planner administrator
trainer auditor dispatcher coordinator designer recruiter accountant developer operator manager champion sponsor
""")  # fmt: skip

TEAMS = _lines("""
    support
    finance
    procurement
    engineering
    customer success
    security
    legal
    operations
    marketing
    sales
    data
    platform
    quality
    warehouse
    field service
    human resources
    compliance
    product
    infrastructure
    billing
    logistics
    research
    training
    IT
""")

NOUNS = _words("""
rollout dashboard contract invoice ticket migration report workflow integration pilot renewal forecast training
backlog budget process project team system platform license release deadline question issue change plan number
feature account request meeting call email document spreadsheet database server network customer vendor partner
supplier order shipment payment price discount quote proposal review audit approval policy template form field
record file backup alert outage incident root cause fix test environment sandbox configuration setting password
login permission role group queue schedule calendar milestone phase stage step task owner risk blocker dependency
assumption requirement scope estimate effort cost saving margin revenue growth churn usage adoption onboarding
handover escalation complaint feedback survey score benchmark target goal metric trend quarter month week shift
site plant branch region market segment channel campaign launch demo workshop session slide deck agenda note
summary recording transcript story case example scenario option decision tradeoff compromise agreement clause
term warranty claim refund credit balance ledger journal export import upload download sync interface connector
endpoint script job batch pipeline model rule filter view chart table column row label tag status priority
severity response resolution delay bottleneck gap overlap duplicate error warning exception mistake typo bug
patch upgrade version edition module component service subscription seat user audience people manager lead
department office building floor room device laptop phone tablet scanner printer camera sensor battery screen
keyboard headset truck pallet warehouse inventory stock supply demand capacity load peak throughput latency
""")  # fmt: skip

ADJECTIVES = _words("""
new old big small manual automatic monthly weekly daily quarterly annual regional global local internal external
final early late clear painful smooth slow fast stable broken simple complex expensive cheap reliable flexible
critical urgent open closed pending optional mandatory different similar existing current previous next main
whole separate shared custom standard basic advanced secure private public central remote hybrid realistic
aggressive careful honest happy nervous confident surprised frustrated ready late busy quiet noisy useful useless
legacy modern temporary permanent official informal typical unusual obvious hidden missing correct wrong accurate
outdated consistent duplicate empty full heavy light strong weak tight loose deep shallow wide narrow solid
""")  # fmt: skip

VERBS = _words("""
review update check move test finish start stop send share clean fix replace close open schedule approve sign
cancel extend reduce increase measure track monitor export import load merge split copy delete archive restore
document explain present discuss confirm clarify estimate prioritize assign delegate escalate resolve
investigate reproduce deploy release configure enable disable customize integrate automate simplify consolidate
standardize negotiate renew upgrade train onboard support maintain migrate validate verify reconcile forecast
plan design build rebuild draft rewrite translate publish announce collect compare filter sort search rename
""")  # fmt: skip

GERUNDS = _words("""
reviewing updating checking moving testing finishing starting sending sharing cleaning fixing replacing closing
scheduling approving signing extending reducing measuring tracking monitoring exporting importing loading merging
splitting copying archiving restoring documenting explaining presenting discussing confirming estimating assigning
escalating resolving investigating deploying configuring customizing automating simplifying negotiating renewing
training onboarding supporting maintaining migrating validating reconciling forecasting planning designing
building drafting rewriting translating publishing collecting comparing typing chasing waiting guessing juggling
""")  # fmt: skip

ADVERBS = _words("""
quickly slowly really actually probably honestly basically already finally usually sometimes often rarely
manually automatically directly carefully clearly simply mostly nearly roughly exactly easily badly definitely
certainly obviously apparently recently currently originally eventually together separately internally overnight
""")  # fmt: skip

WEEKDAYS = _words("Monday Tuesday Wednesday Thursday Friday")
MONTHS = _words("January February March April May June July August September October November December")
ORDINALS = _words("first second third fourth fifth")
COUNTS = _words("two three four five six seven eight nine ten twelve fifteen twenty thirty forty fifty sixty")

FILLERS = _lines("""
    Yeah,
    Yeah, so
    So, yeah,
    Okay,
    Yeah, like,
    So,
    Okay, so
    Um,
    Uh,
    I mean,
    Right, and
    Well,
    You know,
    And
    But
    Yeah, so
    Okay,
    Exactly, and
    Like,
    Sure,
    So, uh,
    Hmm,
    To be honest,
    From our side,
    And, um,
    Now,
    Also,
    Actually,
    Basically,
    As far as I know,
    In my view,
    Good point,
    Let me see,
""")

ASIDES = ("uh", "um", "like", "like", "uh", "yeah", "so", "right", "actually", "you know", "sort of")

# said alone, between longer turns
SHORT = _lines("""
    Yeah.
    Okay.
    Yeah, yeah.
    Okay, yeah.
    Uh, yeah.
    Um, so, yeah.
    Right.
    Mm-hmm.
    Yes, exactly.
    Sure.
    Cool.
    Sounds good.
    Got it.
    Thank you.
    Thanks, {first}.
    Sorry, go ahead.
    Can you hear me?
    You're on mute, {first}.
    That makes sense.
    I agree.
    Not yet.
    Let me check.
    Great question.
    Perfect.
    No, not really.
    Absolutely.
    I think so.
    One second.
    Can you see my screen?
    Okay, let's move on.
    Go ahead, {first}.
    Fair enough.
    Hi everyone.
    Hello, {first}.
    Any other questions?
    Why is that?
    Who owns that?
    Nice.
    Good morning.
""")

# clauses without a final stop; two may be joined
CLAUSES = _lines("""
    we are still {gerund} the {noun} with the {team} team
    the {adjective} {noun} is a lot better than the {noun} we had before
    I think the {noun} was the {adjective} part of it
    we had to {verb} the {noun} because of the {term}
    the {team} team in {place} wants to {verb} the {noun}
    there is a {adjective} {noun} that we need to {verb} before the {noun}
    it took us {count} {unit} to {verb} the {noun}
    {person} is going to {verb} the {noun} with us
    what we see is that the {noun} and the {term} don't really fit together
    they {adverb} asked for a {adjective} {noun} in {product}
    you can {verb} it from the {term} {noun} if you want
    the {term} is {adverb} {gerund} more than we expected
    I was {gerund} the {noun} and then the {term} just stopped
    that depends on how the {team} people want to use the {term}
    the {role} told me that it is {adjective} and {adjective}
    people were {gerund} the same {noun} in {count} different places
    our {adjective} problem was {gerund} the {noun} every {month}
    we use {product} for the {noun} and something else for the {term}
    I don't know if the {noun} is {adjective} enough for that
    the {term} {noun} is what the {role} looks at
    it is not only the {noun}, it is also the {term} behind it
    they want to have the {noun} and the {noun} in one place
    if you {verb} the {noun} first, the {term} is much easier
    at {company} we do it with a {adjective} {noun}
    nobody wanted to {verb} the {noun} in the {term}
    I would like to {verb} the {term} a bit more
    we can {verb} that in the next {noun}
    that is how the {term} works for us today
    we talked about the {noun} with {company} in {place}
    the way I understand it, the {term} has to {verb} the {noun}
    there were {count} {adjective} things with the {noun}
    this is something that {person} could {adverb} explain
    the {noun} comes from the {term} and goes to the {team} team
    you will get a {noun} from {first} about the {term}
    we never had a {adjective} {noun} for the {term}
    it goes back to the {noun} that {first} showed us in {month}
    the {term} part is {adverb} done
    some of the {noun} data was {adjective} when we looked at the {term}
    everybody in {team} is asking for the {term}
    one thing that I noticed in {place} is the {adjective} {noun}
    {first} said the {term} would {verb} all of that
    we are {adverb} talking about {count} or {count} {term} cases a {span}
    the {noun} that you see here is from {product}
    my {noun} is that we {verb} too much and {verb} too little
    that was before the {noun} at {company}
    you have to {verb} the {noun} or the {term} will not start
    there is no {noun} between {product} and the {term}
    we started {gerund} it when {person} joined
    the {adjective} thing about the {term} is that it can {verb} the {noun}
    it would be good to have {first} in the {noun} as well
    the {role} at {company} was {adverb} happy with the {term}
    from the {team} side, the {noun} looks {adjective} to me
    we did the {term} on {weekday}, and the {noun} after that
    I have {count} slides about the {noun} and the {term}
""")

QUESTIONS = _lines("""
    how do you {verb} the {noun} when the {term} is {adjective}
    what happens to the {noun} if {company} wants to {verb} it
    can {first} {verb} the {term} before {weekday}
    is the {term} part of {product} or is it a {adjective} {noun}
    who is going to {verb} the {noun} in {place}
    do we have a {noun} for the {term}
    when did the {team} team start {gerund} it
    why is the {noun} so {adjective} on the {term} side
    could you explain the {term} again
    are you {gerund} the {noun} with {person}
    how many people use the {term} every {span}
    does that {noun} include the {term}
""")

# the sentences a snapshot is made of: figures, dates, decisions, risks, promises
FACTS = _lines("""
    we saved {money} in the {ordinal} quarter with the new {noun}
    the {noun} went from {percent} to {percent} after the {term} change
    adoption is at {percent} of the {team} users, up from {percent} in {month}
    the contract is {money} per year, and it renews on {date}
    we reduced the {noun} time by {percent} since we moved to {product}
    the go-live in {place} is planned for {date}
    {company} signed a {money} deal with us in {month} {year}
    our revenue grew {percent} to {money} last year
    the biggest challenge was {gerund} the {noun} across {count} regions
    before that we were {gerund} {number} {noun} records by hand every {span}
    the return on investment was {percent} after {count} months
    {number} people use {product} every day, and {number} of them are in {place}
    I'm worried that the {term} will delay the {noun} until {date}
    there is a risk that {company} does not {verb} the {noun} in time
    we decided to {verb} the {noun} and to drop the {term}
    {person} will {verb} the {noun} by {date}
    {first}, can you {verb} the {noun} and send it to {person} by {weekday}
    I will {verb} the {term} and get back to you on {weekday}
    we agreed to {verb} the {noun} with {company} on {date}
    the budget for {year} is {money}, which is {percent} more than this year
    support tickets dropped from {number} to {number} a month
    honestly, {product} has changed the way our {team} team works
    I would recommend {product} to any {role}, it is that good
    it cost us about {money} a month, and now it is closer to {money}
    in the long run we want to {verb} the {noun} in {place} and {place} as well
    the {noun} was down for {count} hours on {date}, and {number} orders were late
    we started with {count} users in {month} {year} and have {number} today
    response times are {number} milliseconds now, {percent} better than with {company}
    the next step is to {verb} the {term} for the {team} team before {date}
    {person} from {company} is our {role}, and {person} is the {role}
    it is an open question whether {company} pays for the {term}
    the penalty would be {money} if the {noun} slips past {date}
    {percent} of the {noun} requests come from {place}
    the audit on {date} found {count} {adjective} {noun} problems
""")

JOINS = _lines("""
    , and
    , but
    , because
    , so
    . And
    . So
    , which means
    , and then
    , I think,
    . But
    , or
    , although
    , since
    . Yeah,
""")

CORRECTIONS = _lines("""
    sorry, I meant {percent}, not {percent}
    no wait, that was {date}
    or rather the {noun}
    sorry, {person}, not {person}
    I mean {money}, sorry
    well, more like {number}
    let me correct that, it was the {term}
""")

# jargon that everybody knows already, the most frequent first
TERMS = _words("""
API webhook dataset uptime schema changelog firewall middleware helpdesk failover hotfix runbook whitelist backend
frontend cloud plugin payroll invoicing timesheet barcode router gateway cookie refactoring roadmap paywall intranet
""")  # fmt: skip

# word parts for terms: what is new in talk is mostly jargon grown from known stems
STEMS = _words("""
index route scale stream cache batch token shard cluster thread patch merge trace audit queue label bridge layer
signal vector packet ledger column schema render policy filter stack sensor driver module portal budget ticket
vendor broker tender freight pallet dock harvest solder mould gasket valve pump turbine rotor boiler filament
polymer resin enzyme plasma serum tissue dosage therapy triage biopsy vaccine genome protein lattice crystal
magnet photon laser optic radar beacon orbit payload thrust runway cargo anchor ballast rudder mortgage premium
escrow tariff subsidy dividend equity hedge bond asset lease rental tenant facade timber gravel asphalt mortar
rivet girder scaffold plumb wire socket relay circuit diode ferrite solvent acid alkali mineral quartz granite
pasture fodder livestock orchard vineyard barley cereal dairy poultry fishery lumber pulp fabric textile cotton
""")  # fmt: skip

PREFIXES = _words(
    "re un pre multi over micro auto inter de mis co sub hyper post semi cross under trans macro out"
)
SUFFIXES = _words(
    "ing er ed able ability ment ness ity less wise ization ized ist ism al ary ship hood ful ive"
)

ONSETS = _words("b br c ch d dr f fr g gr h j k kr l m n p pr r s sh st t th tr v w z")
NUCLEI = _words("a e i o u ai ei ou ia")
CODAS = _words("l n r s t m nd rk ll ck x v")
NAME_ENDS = _words("son ski ez ova man berg ini ard sen ton wall ley dez kov ano ström feld aux")
PLACE_ENDS = _words("ville burg ford ton stad field haven mouth grad port wick dorf holm bury")
COMPANY_ENDS = _words("tec ware soft gen line corp data net ix ara onics era")
