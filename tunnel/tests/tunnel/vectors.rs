//! The bytes on the wire, fixed: a tunnel over two relays to a last node, drawn from a seed. Whoever changes them makes
//! another protocol.

use std::fmt::Write;

use crate::net::Net;

/// Each cell as it was on a link: from, to, bytes.
const VECTORS: &str = include_str!("../vectors/cells.hex");

#[test]
fn cells_are_what_they_were() {
    let mut net = Net::new(4, 61);
    let (near, far) = net.tunnel(3);
    net.say(0, near, b"who asks is nobody's business");
    net.say(3, far, b"indeed");
    net.close(0, near);
    let mut lines = String::new();
    for flight in &net.seen {
        write!(lines, "{} {} ", flight.from, flight.to).unwrap();
        flight.cell.as_bytes().iter().for_each(|byte| write!(lines, "{byte:02x}").unwrap());
        lines.push('\n');
    }
    let seen = concat!(env!("CARGO_TARGET_TMPDIR"), "/cells.hex");
    std::fs::write(seen, &lines).unwrap();
    let same = lines.lines().zip(VECTORS.lines()).take_while(|(now, then)| now == then).count();
    assert!(lines == VECTORS, "cell {same} is another; all of them are in {seen}");
    assert_eq!(lines.lines().count(), 3 + 3 + 3 + 3 + 3);
}
