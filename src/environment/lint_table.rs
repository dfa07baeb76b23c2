//! What there is to say about each lint of an environment and its catalog.

use crate::model::Lint;

/// Every lint, in the order of the documentation.
pub const LINTS: [Lint; 36] = [
    Lint {
        id: "uneven-zones",
        about: "a zone has fewer nodes than another, and holds a copy of every stream",
        why: "\
With as many zones as replicas, every stream has a copy in every zone, so the zone with the fewest nodes \
bounds what fits into the cluster. With a single node there, that node holds a copy of every stream and leads \
about half of them, as measured. When its zone is lost, every stream is down to two copies, and no other node \
may take the third, since the copies of a stream lie in different zones: the next loss costs writes.",
        remedy: "\
Make the zones equal: another node for the small zone, or as many nodes as zones. Or give its nodes the disk \
and the instance of their share. Or accept it with the figures that the finding prints.",
    },
    Lint {
        id: "even-nodes",
        about: "an even number of nodes, which survives no more than one node less",
        why: "\
The meta group needs more than half of its members. Six need four and survive the loss of two, exactly as \
five do; the sixth adds a machine that can fail.",
        remedy: "\
Use an odd number. An even one is not reported where it makes three or more zones equal: there it adds storage.",
    },
    Lint {
        id: "zone-breaks-quorum",
        about: "the loss of one zone costs the meta group its quorum",
        why: "\
A zone is what fails together. Without its quorum the meta group has no leader, and then no stream or consumer \
is created, moved or given a new leader until nodes return.",
        remedy: "Spread the nodes over three zones or more, so that none holds half of them.",
    },
    Lint {
        id: "old-patch",
        about: "a newer patch of the server's minor version is known",
        why: "\
Patches mend crashes, lost messages and security holes, and change nothing else. Several of the holes that \
were published in 2026 could be used before a client had signed in.",
        remedy: "Raise nats.version to the patch that the finding names. The next apply rolls it out, one node at a time.",
    },
    Lint {
        id: "slow-sync",
        about: "a server older than 2.15, which is slow with `sync_interval: always`",
        why: "\
Every server is told to have a stored message on its disk before it acknowledges it. From 2.15 on that costs \
one fsync for each append to the Raft log; before, it may cost a stream all but a few hundred messages per second.",
        remedy: "Use 2.15 or newer, or measure with your own load and disks first.",
    },
    Lint {
        id: "small-instance",
        about: "an instance below the size at which production starts",
        why: "\
The documentation of NATS starts production at four processors and 8 GiB. With two, a server that compresses, \
encrypts and replicates shares them with its own clients, and latencies grow before anything looks full.",
        remedy: "Take a larger instance, or accept it with the load that you have measured.",
    },
    Lint {
        id: "unknown-instance",
        about: "an instance type whose figures are not known",
        why: "\
Without its processors, memory and baseline to the volume, nothing can be said about whether the rest of the \
environment fits it. A lint that stays silent would look like approval.",
        remedy: "Look the figures up (EC2 DescribeInstanceTypes) and accept it with them.",
    },
    Lint {
        id: "memory-overcommitted",
        about: "memory streams may take more than half of what a server may use",
        why: "\
A server is told to stay below 80 % of the machine's memory (GOMEMLIMIT). Memory streams live inside that, \
with connections, caches of streams and everything that a lagging replica catches up with. Beyond it the \
server first spends its time on collecting garbage and then is killed.",
        remedy: "Lower nats.jetstream.max_memory, or take an instance with more memory.",
    },
    Lint {
        id: "volume-beyond-instance",
        about: "a volume with more throughput or operations than the instance can use",
        why: "\
An instance has a baseline to its volumes; what it may do beyond is a burst of thirty minutes a day. A stream \
that is sized by the volume's figures is slow for the other twenty-three and a half hours.",
        remedy: "\
Reckon with the instance's figures, and pay for no more. gp3 has no less than 3000 operations and 125 MiB/s, \
so at those figures there is nothing to lower, only something to know.",
    },
    Lint {
        id: "volume-nearly-full",
        about: "`max_file` is more than 90 % of the volume",
        why: "\
A stream is compacted by writing new blocks before the old ones go, and a file system slows down when it is \
nearly full. When the volume really is full, the server turns JetStream off.",
        remedy: "Lower nats.jetstream.max_file to 85 or 90 % of the volume, or enlarge the volume.",
    },
    Lint {
        id: "large-payload",
        about: "`max_payload` is more than 8 MiB",
        why: "\
A message is sent whole. A large one delays everything else on its connections, is buffered in memory by \
every server and client on its way, and is copied once per replica.",
        remedy: "Keep large things in an object store and send a reference.",
    },
    Lint {
        id: "lame-duck-hurries",
        about: "a leaving node sends away more than 50 clients a second",
        why: "\
A leaving server spreads the closing of its clients over the lame duck's duration without its grace. Each of \
them then signs in on another node: a TLS handshake, two chains of signatures, and all of its subscriptions. \
Too many at once make the other nodes slow exactly when they have one more share to carry.",
        remedy: "Raise nats.lame_duck.duration, or lower the connections that the accounts are granted.",
    },
    Lint {
        id: "slow-ping",
        about: "servers ping more rarely than twice in the load balancer's idle time-out",
        why: "\
A network load balancer forgets a connection that was silent for 350 seconds, and tells neither side. A ping \
that comes too late finds nobody, and a client that waits for messages waits in vain until its own ping fails.",
        remedy: "Keep nats.limits.ping_interval below 175 seconds; two minutes are the default.",
    },
    Lint {
        id: "lame-duck-beyond-drain",
        about: "a lame duck lasts longer than the load balancer's patience of 300 seconds",
        why: "\
When a node leaves, its health check fails and the load balancer lets it go. After 300 seconds it drops the \
connections that are left, all at once, which is what a lame duck is there to prevent.",
        remedy: "Keep nats.lame_duck.duration at 5 minutes or less.",
    },
    Lint {
        id: "exposed-load-balancer",
        about: "a load balancer that the internet reaches",
        why: "\
Servers have had crashes that a stranger could cause before signing in. The network is the layer that keeps \
strangers from trying the next one.",
        remedy: "Set provider.aws.load_balancer.internal to true, and let clients come in through the network.",
    },
    Lint {
        id: "aws-managed-key",
        about: "volumes are encrypted with a key that belongs to AWS",
        why: "\
Everybody in the account who may use the volume may use that key. It has no policy of your own, cannot be \
disabled to lock the data, and its uses cannot be told apart from those of other volumes.",
        remedy: "Make a customer-managed key and name its alias in provider.aws.volume.kms_key.",
    },
    Lint {
        id: "exposed-monitoring",
        about: "the monitoring port is open to addresses of the internet",
        why: "\
The monitoring port asks nobody who they are. It tells accounts, connections with their addresses, subjects and \
versions to whoever reaches it.",
        remedy: "Allow the private networks of those who scrape it; the load balancer's health checks need no entry.",
    },
    Lint {
        id: "long-certificate",
        about: "node or client certificates live longer than 398 days",
        why: "\
A certificate that is renewed by an apply costs nobody anything, and one that is not renewed for years hides \
that nobody could. A stolen key is good for as long as its certificate.",
        remedy: "Keep identity.validity.node and .client at 397 days, the default, or less.",
    },
    Lint {
        id: "short-certificate",
        about: "certificates live shorter than twice the time before their end at which they are renewed",
        why: "\
An apply renews what has less than 30 days left, and a renewed node certificate restarts its node. Below 60 \
days most of a certificate's life is spent in that window, and below 30 every apply restarts every node.",
        remedy: "Use 60 days or more.",
    },
    Lint {
        id: "sole-recipient",
        about: "only one person can open the keys",
        why: "\
Keys are sealed for the engineer who applies and for identity.recipients. Without a recipient there, a lost \
laptop loses the operator and the authority: every certificate and all creds must be made and handed out anew.",
        remedy: "\
Add the age public key of a second engineer, or of an identity that lies in a safe. It counts for keys that \
are made from then on.",
    },
    Lint {
        id: "single-replica",
        about: "a stream or bucket with one copy",
        why: "\
Its messages are gone with one disk, and unavailable while one node is away. It is no faster either: a single \
copy must be on its disk for each message before that is acknowledged, which was measured at 600 to 5,000 messages \
per second, where three copies did 23,000.",
        remedy: "Use 3 replicas, or accept it with what its loss would cost.",
    },
    Lint {
        id: "full-for-good",
        about: "a stream that refuses new messages when it is full and never lets one go",
        why: "\
With `discard: new`, `retention: limits` and no `max_age` nothing ever leaves the stream. On the day that it is \
full every publication to it fails, and goes on failing.",
        remedy: "Give it a max_age that the size can hold, or accept it with who empties it and when.",
    },
    Lint {
        id: "queue-drops-work",
        about: "a work queue that drops its oldest jobs when it is full",
        why: "\
A work queue holds what has not been done yet. With `discard: old` a full queue silently drops the jobs that have \
waited longest, and the sender was told that they were stored.",
        remedy: "Use `discard: new`: the sender is refused and can wait or say so.",
    },
    Lint {
        id: "audit-unguarded",
        about: "a stream of audit records that forgets them soon, or lets somebody remove them",
        why: "\
An audit trail answers for what was done long after it was done, also to somebody who would rather have it gone. \
Records that any client with the right may delete or purge, that go when they were read, or that make way for newer \
ones when the stream is full, are no proof of anything.",
        remedy: "\
Use `retention: limits`, `discard: new`, a max_age of a year or more, `deny_delete: true` and `deny_purge: true`, or \
accept it with what the records are for.",
    },
    Lint {
        id: "service-without-grants",
        about: "a service may neither say nor hear anything",
        why: "It has creds and a certificate, and no use for them.",
        remedy: "Say what it serves, calls, publishes or subscribes, or take it out of the catalog.",
    },
    Lint {
        id: "service-unreachable",
        about: "a service may connect only in ways in which no server lets it in",
        why: "\
Servers listen for ordinary connections and for leafnodes. None listens for websockets or MQTT, and an account \
without leafnodes has room for no leafnode connection. So the creds of such a service open nothing.",
        remedy: "Add `standard` to its `connections`, or leave them out.",
    },
    Lint {
        id: "leafnode-without-grants",
        about: "nothing may cross the connection of a leafnode",
        why: "It is let in with creds and a certificate, and no use for them.",
        remedy: "Say what it calls, publishes or subscribes, or take it out of the environment.",
    },
    Lint {
        id: "event-unstored",
        about: "no stream of the account keeps what a service publishes",
        why: "\
It reaches those who listen at that moment and nobody else. A service that restarts misses it, and a publisher \
that waits for an acknowledgement from JetStream waits in vain.",
        remedy: "Add its subject to a stream of the account, or accept that it may be missed.",
    },
    Lint {
        id: "subscription-unpublished",
        about: "nobody in the account publishes what a service subscribes",
        why: "The service waits for something that never comes; most often a name is misspelt.",
        remedy: "Correct the subject, add it to a service's `publishes`, or drop the subscription.",
    },
    Lint {
        id: "queue-shared",
        about: "two services receive an event in one queue group",
        why: "\
Of the members of a queue group one receives each message, whatever service it belongs to. So each service misses \
the events that the other one was given.",
        remedy: "Give each service a queue group of its own, or accept it where both do the same work.",
    },
    Lint {
        id: "serve-uncalled",
        about: "nobody calls what a service serves, in its account or in those that it is shared with",
        why: "\
Only services of the catalog and leafnodes of the environment have creds, so nobody can call it. Either the caller is missing, or the subject is \
an old version that was forgotten.",
        remedy: "Take it out, or accept it with who will call it.",
    },
    Lint {
        id: "share-unused",
        about: "an account may have a subject of another and has no use for it",
        why: "\
A share is a door in the wall between two accounts. One that nobody goes through tells nothing true about who \
needs whom, and is open to the next service of that account without anybody being asked.",
        remedy: "Take the account out of the share; one line brings it back.",
    },
    Lint {
        id: "stream-unfed",
        about: "a stream stores a subject that nobody publishes",
        why: "Storage is reserved for messages that never come; most often a pattern is misspelt.",
        remedy: "Correct the pattern, take it out, or add the service that publishes to the catalog.",
    },
    Lint {
        id: "cache-missing",
        about: "a service caches, and the environment has no `redis`",
        why: "It gets no credentials of a cache in this environment, and must do without one.",
        remedy: "Add the block `redis`, or accept that the service works without a cache here.",
    },
    Lint {
        id: "cache-unused",
        about: "the environment has a cache that no service uses",
        why: "Its nodes cost memory, or money, and nobody may sign in to them.",
        remedy: "Say under `caches` which services use it, or take the block `redis` out.",
    },
    Lint {
        id: "cache-failover",
        about: "fewer than 3 shards: no majority is left that would let a replica take over",
        why: "\
A replica takes over from its primary when most of the primaries agree. Of two, one is no majority, so the keys \
of a lost primary stay away until it is back, whatever its replica holds.",
        remedy: "Use 3 shards or more, or none of the replicas.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lint_has_one_name_and_is_explained() {
        for (index, lint) in LINTS.iter().enumerate() {
            assert!(LINTS[..index].iter().all(|other| other.id != lint.id), "{} twice", lint.id);
            assert!(lint.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
            assert!(!lint.about.ends_with('.'), "{}", lint.id);
            for text in [lint.why, lint.remedy] {
                assert!(text.ends_with('.') && !text.contains("  "), "{}: {text}", lint.id);
            }
        }
    }
}
