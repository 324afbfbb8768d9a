//! Names of the generated cluster: teams, namespaces, people, applications.

use super::rng::Rng;

const FIRST: [&str; 40] = [
    "ada", "ali", "amara", "anna", "bela", "bruno", "carla", "chen", "dana", "diego", "elif", "emil", "femi", "fiona",
    "goran", "hana", "hugo", "ines", "ivan", "jana", "joao", "kaito", "kira", "lars", "lena", "luca", "maya", "mei",
    "milo", "nadia", "noor", "olga", "omar", "petra", "priya", "ravi", "sara", "tomas", "yuki", "zoe",
];
const LAST: [&str; 40] = [
    "abe", "adler", "bauer", "berg", "costa", "cruz", "diaz", "dubois", "eriksen", "fischer", "garcia", "gupta",
    "haas", "ito", "ivanova", "jensen", "kaya", "kim", "kowalski", "lee", "lopez", "mbeki", "moreau", "nakamura",
    "novak", "obi", "okafor", "patel", "petrov", "quinn", "rossi", "sato", "schmidt", "silva", "singh", "tanaka",
    "vega", "wagner", "weber", "yilmaz",
];
const FIELD: [&str; 32] = [
    "payments",
    "ledger",
    "checkout",
    "catalog",
    "search",
    "orders",
    "identity",
    "billing",
    "fraud",
    "shipping",
    "pricing",
    "loyalty",
    "inventory",
    "mobile",
    "partner",
    "content",
    "media",
    "reporting",
    "risk",
    "claims",
    "quotes",
    "routing",
    "fleet",
    "pharmacy",
    "booking",
    "ticketing",
    "adtech",
    "insights",
    "support",
    "tax",
    "returns",
    "warehouse",
];
const SUFFIX: [&str; 8] = ["", "-core", "-edge", "-data", "-ml", "-api", "-ops", "-eu"];
const STAGE: [&str; 4] = ["", "-dev", "-staging", "-prod"];
const APPS: [&str; 28] = [
    "api",
    "web",
    "worker",
    "scheduler",
    "gateway",
    "importer",
    "exporter",
    "indexer",
    "cache",
    "mailer",
    "reports",
    "migrator",
    "webhook",
    "consumer",
    "producer",
    "batch",
    "frontend",
    "backend",
    "proxy",
    "notifier",
    "sync",
    "cleanup",
    "ci-deployer",
    "runner",
    "backup",
    "vault-agent",
    "db-operator",
    "probe",
];
const DUTIES: [&str; 16] = [
    "reader",
    "deployer",
    "debugger",
    "secrets",
    "operator",
    "release",
    "oncall",
    "auditor",
    "metrics",
    "leader-election",
    "maintainer",
    "breakglass",
    "pipeline",
    "config",
    "support",
    "rollout",
];
/// Endings that API names may have, and that trip up careless tools.
const ODD: [&str; 8] = [":v2", " (temporary)", "-Überwachung", "@corp", "&co", "~old", "+extra", "'s"];

/// A name of a team; there are `FIELD` × `SUFFIX` before numbers are needed.
pub(crate) fn team(number: usize) -> String {
    let field = FIELD.get(number % FIELD.len()).copied().unwrap_or_default();
    let round = number / FIELD.len();
    let suffix = SUFFIX.get(round % SUFFIX.len()).copied().unwrap_or_default();
    let more = round / SUFFIX.len();
    if more == 0 { format!("{field}{suffix}") } else { format!("{field}{suffix}-{more}") }
}

/// The namespace of this number, and its team.
pub(crate) fn namespace(number: usize) -> (String, String) {
    let team = team(number / STAGE.len());
    (format!("{team}{}", STAGE.get(number % STAGE.len()).copied().unwrap_or_default()), team)
}

/// The team that owns a namespace named by [`namespace`], as a group name.
pub(crate) fn team_group(team: &str) -> String {
    format!("team-{team}")
}

/// A person's user name, unique by number.
pub(crate) fn person(number: usize) -> String {
    let first = FIRST.get(number % FIRST.len()).copied().unwrap_or_default();
    let last = LAST.get(number / FIRST.len() % LAST.len()).copied().unwrap_or_default();
    let round = number / (FIRST.len() * LAST.len());
    if round == 0 { format!("{first}.{last}@example.com") } else { format!("{first}.{last}{round}@example.com") }
}

/// An application's name.
pub(crate) fn app(rng: &mut Rng) -> String {
    let base = rng.word(&APPS);
    if rng.per_mille(400) { base.to_owned() } else { format!("{base}-{}", rng.below(40)) }
}

/// A name for a role or binding; `wide` ones stand for something of the whole cluster.
pub(crate) fn duty(rng: &mut Rng, wide: bool) -> String {
    let duty = rng.word(&DUTIES);
    let of = if wide { team(rng.index(FIELD.len() * SUFFIX.len())) } else { app(rng) };
    let name = format!("{of}-{duty}");
    if rng.per_mille(8) { format!("{name}{}", rng.word(&ODD)) } else { name }
}
