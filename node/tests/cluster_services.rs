//! Services over real processes: published by one node, fetched through the proxy of another, and who is killed between is
//! survived.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::print_stdout, reason = "a test")]

mod cli_support;
mod tunnels_support;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cli_support::{Node, Place};
use serde_json::Value;
use tunnels_support::fetch::{Proxy, curl, curl_is_missing, fetch, http, refused};
use tunnels_support::{grid, grid_of_four_axes, tunnels};

/// Whoever is killed, the next request works within this time.
const AGAIN: Duration = Duration::from_secs(15);

fn serve(place: &Place, node: &Node, name: &str, to: SocketAddr) -> Value {
    let begun = Instant::now();
    let service = place.json(["serve", name, &to.to_string(), "--json", "--api", &node.api]);
    println!("{name} could be met after {:?}: {service}", begun.elapsed());
    assert!(service["meetings"].as_u64().unwrap() > 0, "{service}");
    service
}

/// The tunnels that lead a visitor to a service; none, if it is met at the visitor's own node.
fn visiting(place: &Place, visitor: &Node) -> Vec<Value> {
    let own = tunnels(place, visitor)["own"].as_array().unwrap().clone();
    own.into_iter().filter(|tunnel| tunnel["visits"] == true).collect()
}

/// Takes out a node that a tunnel leads to a service, with its proxy. Chance may have the service met at a node itself, to which no
/// tunnel leads; it is met at three.
fn visitor(place: &Place, nodes: &mut Vec<Node>, host: &str) -> (Node, Proxy) {
    for _ in 0..4 {
        let node = nodes.pop().unwrap();
        let proxy = Proxy::open(place, &node);
        println!("the first request took {:?}", fetch(place, &proxy, host, 1000));
        if !visiting(place, &node).is_empty() {
            return (node, proxy);
        }
        nodes.insert(0, node);
    }
    panic!("no tunnel leads four nodes to a service that is met at three");
}

/// Kills a relay of each tunnel that leads the visitor to a service, and says how many were killed.
fn kill_relays(place: &Place, nodes: &mut Vec<Node>, visitor: &Node) -> usize {
    let mut killed = 0;
    for tunnel in visiting(place, visitor) {
        let way = tunnel["way"].as_array().unwrap();
        // Three relays and the node where the service is met, or one that leads on to it between them.
        assert!([4, 5].contains(&way.len()), "{way:?}");
        // At most three of the nodes are kept out of it: one of four is none of them.
        let victim = way.iter().rev().find_map(|id| nodes.iter().position(|node| node.id == *id));
        if let Some(at) = victim {
            nodes.swap_remove(at).kill();
            killed += 1;
        }
    }
    assert!(killed > 0, "no tunnel led to the service");
    killed
}

/// Where no way of three relays leads beside the node at which a service is met, one more node leads on to it.
#[test]
fn a_service_is_met_in_a_grid_of_four_axes() {
    if curl_is_missing() {
        return;
    }
    let place = Place::new();
    let nodes = grid_of_four_axes(&place);
    serve(&place, &nodes[5], "notes", http());
    let mut lengths = Vec::new();
    for visitor in [&nodes[1], &nodes[9], &nodes[14]] {
        let proxy = Proxy::open(&place, visitor);
        println!("four axes: {:?}", fetch(&place, &proxy, "notes.rook", 1000));
        lengths.extend(visiting(&place, visitor).iter().map(|tunnel| tunnel["way"].as_array().unwrap().len()));
    }
    println!("ways to the service have {lengths:?} nodes");
    assert!(lengths.iter().all(|length| [4, 5].contains(length)));
}

#[test]
fn a_published_service_is_fetched_by_a_stranger_and_a_killed_relay_is_survived() {
    if curl_is_missing() {
        return;
    }
    let place = Place::new();
    let mut nodes = grid(&place);
    let (server, other) = (nodes.swap_remove(5), nodes.swap_remove(3));
    let service = serve(&place, &server, "notes", http());
    let (mut visiting_node, mut proxy) = visitor(&place, &mut nodes, "notes.rook");
    key_is_private(&place.path("data-5/services/notes.key"));

    println!("the second request took {:?}", fetch(&place, &proxy, service["full_host"].as_str().unwrap(), 1000));
    let mib: usize = std::env::var("ROOK_TUNNEL_MIB").map_or(20, |mib| mib.parse().unwrap());
    let took = fetch(&place, &proxy, "notes.rook", mib << 20);
    println!("{mib} MiB took {took:?}: {:.1} MB/s", (mib << 20) as f64 / 1e6 / took.as_secs_f64());

    let killed = kill_relays(&place, &mut nodes, &visiting_node);
    let took = fetch(&place, &proxy, "notes.rook", 1000);
    println!("{killed} nodes on the way were killed while nothing went over them; the next request took {took:?}");
    assert!(took < AGAIN);

    let mut fetching = loop {
        let mut fetching = curl(&proxy, "notes.rook", 256 << 20, &place.path("broken"));
        std::thread::sleep(Duration::from_millis(700));
        if !visiting(&place, &visiting_node).is_empty() {
            break fetching;
        }
        // The node at which the service was met is dead, and it is met at the visitor's own now.
        _ = fetching.kill();
        _ = fetching.wait();
        nodes.insert(0, visiting_node);
        (visiting_node, proxy) = visitor(&place, &mut nodes, "notes.rook");
    };
    let proxy = &proxy;
    let killed = kill_relays(&place, &mut nodes, &visiting_node);
    let took = fetch(&place, proxy, "notes.rook", 1000);
    println!("{killed} nodes on the way were killed during a transfer; the next request took {took:?}");
    assert!(took < AGAIN);
    // Whether it went over a node that was killed is chance where there are two tunnels to the service.
    _ = fetching.kill();
    println!("the transfer that was under way: {}", fetching.wait().unwrap());

    what_cannot_be_is_refused(&place, &other, proxy);
    two_services_of_one_name_are_told_apart(&place, [&server, &other], proxy);
    place.ok(["serve", "notes", "--stop", "--api", &server.api]);
    refused(&place, proxy, "notes.rook", 1);
    place.ok(["socks", "--stop", "--api", &visiting_node.api]);
    assert!(TcpStream::connect(&proxy.listen).is_err());
}

#[cfg(unix)]
fn key_is_private(key: &PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
}

fn what_cannot_be_is_refused(place: &Place, other: &Node, proxy: &Proxy) {
    assert!(refused(place, proxy, "nobody.rook", 4).contains("no service nobody.rook is known"));
    // Nobody lets strangers out here.
    assert!(refused(place, proxy, "example.com", 2).contains("no node of the grid"));
    assert!(refused(place, proxy, "127.0.0.1", 2).contains("lets strangers out to port 80"));
    let open = place.fails(1, ["socks", "--listen", "0.0.0.0:0", "--api", &other.api]);
    assert!(open.contains("could be used by other machines"), "{open}");
    // A port on which nobody listens any more.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    serve(place, other, "closed", closed);
    assert!(refused(place, proxy, "closed.rook", 5).contains("nothing listens"));
    assert!(place.fails(1, ["serve", "closed", "127.0.0.1:1", "--api", &other.api]).contains("already"));
}

fn two_services_of_one_name_are_told_apart(place: &Place, of: [&Node; 2], proxy: &Proxy) {
    let address = http();
    let hosts = of.map(|node| serve(place, node, "twin", address)["full_host"].as_str().unwrap().to_owned());
    let why = refused(place, proxy, "twin.rook", 2);
    assert!(hosts.iter().all(|host| why.contains(host)), "{why}");
    hosts.iter().for_each(|host| _ = fetch(place, proxy, host, 1000));
}
