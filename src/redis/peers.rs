//! The table of nodes that every server of the cache keeps (`CLUSTER NODES`).

use std::net::SocketAddrV4;

/// A line of the table: another server, or the one that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its id, which it gave itself.
    pub id: String,
    /// Where clients reach it; none when nobody knows any more.
    pub address: Option<SocketAddrV4>,
    /// Whether this is the server that was asked.
    pub myself: bool,
    /// Whether the two have not introduced themselves yet, so that the id is made up.
    pub handshake: bool,
    /// Whether it is given up: a majority did not reach it, or another server has its address.
    pub gone: bool,
    /// Whose replica it is; none for a primary.
    pub primary: Option<String>,
    /// The slots that it serves, as first and last.
    pub slots: Vec<(u16, u16)>,
}

/// Reads a table. Lines that make no sense are left out: what is not seen is not counted.
pub fn peers(text: &str) -> Vec<Peer> {
    text.lines().filter_map(peer).collect()
}

/// `ID ADDRESS:PORT@BUS[,HOST] FLAGS PRIMARY PING PONG EPOCH LINK [SLOT | FIRST-LAST | [MOVING]]…`
fn peer(line: &str) -> Option<Peer> {
    let mut words = line.split_whitespace();
    let (id, address, flags, primary) =
        (words.next()?, words.next()?, words.next()?, words.next()?);
    let slots = words.skip(4).filter(|word| !word.starts_with('['));
    let is = |flag: &str| flags.split(',').any(|f| f == flag);
    Some(Peer {
        id: id.to_owned(),
        address: address.split('@').next().and_then(|address| address.parse().ok()),
        myself: is("myself"),
        handshake: is("handshake"),
        gone: is("fail") || is("noaddr"),
        primary: (primary != "-").then(|| primary.to_owned()),
        slots: slots.filter_map(range).collect(),
    })
}

fn range(word: &str) -> Option<(u16, u16)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
a1 127.0.0.1:6379@16379 myself,master - 0 0 3 connected 0-5460 5462 [5461->-b2]
b2 127.0.0.2:6379@16379,host slave,fail a1 0 0 3 disconnected
c3 :0@0 master,noaddr - 0 0 0 disconnected
d4 127.0.0.4:6379@16379 handshake - 0 0 0 disconnected
";

    #[test]
    fn a_table_is_read_as_servers_write_it() {
        let table = peers(TABLE);
        assert_eq!(table.len(), 4);
        assert!(table[0].myself && table[0].primary.is_none());
        assert_eq!(table[0].slots, [(0, 5460), (5462, 5462)]);
        assert_eq!(table[1].address, Some("127.0.0.2:6379".parse().unwrap()));
        assert_eq!(table[1].primary.as_deref(), Some("a1"));
        assert!(table[1].gone && table[2].gone && !table[3].gone);
        assert_eq!(table[2].address, None);
        assert!(table[3].handshake);
    }

    #[test]
    fn garbage_is_left_out() {
        assert_eq!(peers("a b\n\n- -\n"), []);
    }
}
