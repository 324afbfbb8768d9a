//! Who and what the audit logs of any size are about: tables drawn once from the seed, already written as JSON,
//! so that filling a line is copying.

use super::clock::{DAY, START, seconds};
use super::json::push_escaped;
use super::names;
use super::rng::Rng;

/// Groups of actors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    ApiServer,
    Root,
    Manager,
    Scheduler,
    Prometheus,
    Delivery,
    Anonymous,
    /// The controller of this name.
    Controller(&'static str),
    Kubelet,
    Person,
    App,
}

/// An actor as text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acting {
    /// The members `user`, `sourceIPs` and `userAgent`, with a comma at the end.
    pub(crate) members: Vec<u8>,
    /// The inside of `authorization.k8s.io/reason`.
    pub(crate) reason: Vec<u8>,
    /// The user name, escaped.
    pub(crate) name: Vec<u8>,
    /// The application it is at home with.
    pub(crate) home: Option<usize>,
}

/// A deployed application.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deployed {
    pub(crate) namespace: Vec<u8>,
    pub(crate) app: Vec<u8>,
    pub(crate) uid: Vec<u8>,
    pub(crate) hash: Vec<u8>,
    pub(crate) set_uid: Vec<u8>,
    pub(crate) created: Vec<u8>,
}

/// All tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cast {
    pub(crate) actors: Vec<Acting>,
    pub(crate) groups: Vec<(Who, usize, usize)>,
    pub(crate) deployed: Vec<Deployed>,
    pub(crate) nodes: Vec<Vec<u8>>,
    /// Messages of Kubernetes events, escaped.
    pub(crate) messages: Vec<Vec<u8>>,
    /// Lines of text, escaped, one after the other.
    pub(crate) text: Vec<u8>,
    /// Where each line of the text begins.
    pub(crate) lines: Vec<usize>,
}

const NODES: usize = 300;
/// Applications are spread over them by number.
pub(crate) const NAMESPACES: usize = 400;
const APPS: usize = 3000;
/// More than the longest body takes.
const TEXT: usize = 2_000_000;

impl Cast {
    /// Draws the tables.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, "cast");
        let node = |n| format!("ip-10-{}-{}.eu-west-1.compute.internal", n / 250, n % 250 + 1).into_bytes();
        let mut cast = Self { nodes: (0..NODES).map(node).collect(), messages: messages(), ..Self::default() };
        cast.deploy(&mut rng);
        cast.write_text(&mut rng);
        cast.act(&mut rng);
        cast
    }

    /// The place of the first actor of a group, and their number.
    pub(crate) fn group(&self, who: Who) -> (usize, usize) {
        self.groups.iter().find(|(w, ..)| *w == who).map_or((0, 0), |(_, first, count)| (*first, *count))
    }

    fn deploy(&mut self, rng: &mut Rng) {
        for number in 0..APPS {
            let mut hash = Vec::new();
            rng.push_suffix(&mut hash, 10);
            self.deployed.push(Deployed {
                namespace: names::namespace(number % NAMESPACES).0.into_bytes(),
                app: format!("{}{}", names::app(rng), number / NAMESPACES).into_bytes(),
                uid: rng.uuid().into_bytes(),
                hash,
                set_uid: rng.uuid().into_bytes(),
                created: seconds(START - rng.range(DAY, 300 * DAY)).into_bytes(),
            });
        }
    }

    fn write_text(&mut self, rng: &mut Rng) {
        let odd = ["# Größe & <limits>", "path: C:\\tools\\bin", "quote: \"yes\"", "tab:\tvalue"];
        while self.text.len() < TEXT {
            self.lines.push(self.text.len());
            let line = match rng.below(40) {
                0 => format!("{}\n", rng.word(&odd)),
                1..6 => format!("{}:\n", names::app(rng)),
                _ => format!(
                    "    {}: {}-{}.example.com/{}\n",
                    names::app(rng),
                    names::duty(rng, false),
                    rng.below(9000),
                    rng.hex(12)
                ),
            };
            push_escaped(&mut self.text, &line);
        }
    }
}

/// The inside of a JSON string.
pub(crate) fn escaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    push_escaped(&mut out, text);
    out
}

fn messages() -> Vec<Vec<u8>> {
    let plain = [
        "Started container app",
        "Created container: app",
        "Container image \"registry.example.com/app:1.4.2\" already present on machine",
        "Back-off restarting failed container \"app\" in pod, last exit: 137",
        "Readiness probe failed: Get \"http://10.244.3.7:8080/healthz?full=1&verbose=1\": context deadline exceeded",
        "Liveness probe failed: <html>\n\t<body>503 Service Unavailable</body>\n</html>",
        "MountVolume.SetUp failed for volume \"C:\\data\" : secret \"tls\" not found",
        "0/300 nodes are available: 12 node(s) had untolerated taint {dedicated: gpu}",
        "Überlast: Anfrage abgewiesen \u{2028} – später erneut versuchen 🚧",
        "(combined from similar events): Scaled up replica set from 3 to 4",
    ];
    plain.iter().map(|m| escaped(m)).collect()
}
