//! A small internet of network namespaces: a wire in the middle, machines on it, and routers with homes behind them.
//!
//! The namespaces are made for one test and go with it. Nothing of them touches the network of the machine.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses a part of it")]

use std::process::{Command, Output};

use super::cli_support::{Node, Place, die_with_us, succeeded, with_input};

/// How a router translates addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// A connection keeps its port outside where that is free, whoever the other side is.
    PortKept,
    /// Each connection has a port outside that is drawn anew.
    PortDrawn,
}

/// The wire of the internet, its machines and routers.
pub struct Internet {
    prefix: String,
    spaces: Vec<String>,
}

impl Internet {
    /// An internet without machines; `None` where namespaces cannot be made, and it is said why.
    pub fn new(name: &str) -> Option<Self> {
        let tools = [("ip", "-V"), ("nft", "-v")];
        let missing =
            tools.iter().find(|(tool, flag)| !Command::new(tool).arg(flag).output().is_ok_and(|o| o.status.success()));
        if let Some((tool, _)) = missing {
            println!("SKIPPED: this test needs the command {tool} (iproute2, nftables)");
            return None;
        }
        let mut internet = Self { prefix: format!("rook{}{name}", std::process::id()), spaces: Vec::new() };
        let wire = internet.space_name("wire");
        let made = Command::new("ip").args(["netns", "add", &wire]).output().unwrap();
        if !made.status.success() {
            println!("SKIPPED: no namespaces here ({}): run it as root", String::from_utf8_lossy(&made.stderr).trim());
            return None;
        }
        internet.spaces.push(wire.clone());
        internet.ip(&wire, "link set lo up");
        internet.ip(&wire, "link add wire type bridge");
        internet.ip(&wire, "link set wire up");
        Some(internet)
    }

    fn space_name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn space(&mut self, name: &str) -> String {
        let space = self.space_name(name);
        succeeded(Command::new("ip").args(["netns", "add", &space]).output().unwrap());
        self.spaces.push(space.clone());
        self.ip(&space, "link set lo up");
        space
    }

    fn ip(&self, space: &str, args: &str) {
        succeeded(Command::new("ip").args(["-n", space]).args(args.split(' ')).output().unwrap());
    }

    /// Two ends of a cable in two namespaces.
    fn cable(&self, (here, end): (&str, &str), (there, other): (&str, &str)) {
        let args = ["link", "add", end, "netns", here, "type", "veth", "peer", "name", other, "netns", there];
        succeeded(Command::new("ip").args(args).output().unwrap());
        self.ip(here, &format!("link set {end} up"));
        self.ip(there, &format!("link set {other} up"));
    }

    /// The number of the next machine on the wire, which is in its address.
    fn on_wire(&mut self, space: &str) -> String {
        let number = self.spaces.len();
        let (wire, port) = (self.space_name("wire"), format!("port{number}"));
        self.cable((space, "outside"), (&wire, &port));
        self.ip(&wire, &format!("link set {port} master wire"));
        let address = format!("203.0.113.{number}");
        self.ip(space, &format!("addr add {address}/24 dev outside"));
        address
    }

    /// A machine with an address of its own.
    pub fn machine(&mut self, name: &str) -> Machine {
        let space = self.space(name);
        let address = self.on_wire(&space);
        self.placed(name, space, address)
    }

    /// A machine in a home, behind a router that translates, and lets nobody in who was not asked.
    pub fn home(&mut self, name: &str, nat: Nat) -> Machine {
        let router = self.space(&format!("{name}r"));
        self.on_wire(&router);
        let space = self.space(name);
        self.cable((&space, "home"), (&router, "home"));
        self.ip(&router, "addr add 192.168.1.1/24 dev home");
        self.ip(&space, "addr add 192.168.1.2/24 dev home");
        self.ip(&space, "route add default via 192.168.1.1");
        inside(&router, &["sysctl", "-qw", "net.ipv4.ip_forward=1"], "");
        let ports = if nat == Nat::PortDrawn { "fully-random" } else { "" };
        let rules = format!(
            "table ip translate {{
                chain out {{ type nat hook postrouting priority srcnat; oifname outside masquerade {ports}; }}
            }}
            table ip guard {{
                chain through {{ type filter hook forward priority filter; policy drop;
                    ct state established,related accept; iifname home accept; }}
                chain here {{ type filter hook input priority filter; policy drop;
                    ct state established,related accept; iifname home accept; }}
            }}"
        );
        inside(&router, &["nft", "-f", "-"], &rules);
        self.placed(name, space, "192.168.1.2".into())
    }

    fn placed(&self, name: &str, space: String, address: String) -> Machine {
        Machine { name: name.into(), space, api: format!("127.0.0.1:{}", 7200 + self.spaces.len()), address }
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        for space in &self.spaces {
            let _ = Command::new("ip").args(["netns", "del", space]).output();
        }
    }
}

/// Runs a command in a namespace.
fn inside(space: &str, command: &[&str], input: &str) -> String {
    let mut run = Command::new("ip");
    run.args(["netns", "exec", space]).args(command);
    succeeded(with_input(run, input.as_bytes()))
}

/// A machine on the internet.
pub struct Machine {
    name: String,
    space: String,
    /// Machines share the folder of the test, where nodes are known by the addresses of their APIs.
    api: String,
    pub address: String,
}

impl Machine {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command of the program on this machine.
    pub fn rook(&self, place: &Place, args: &[String]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space, env!("CARGO_BIN_EXE_rook")]).args(args).current_dir(place.path(""));
        place.keep_here(&mut command);
        die_with_us(&mut command);
        command
    }

    /// Runs a command against the node on this machine.
    pub fn output(&self, place: &Place, args: &[&str]) -> Output {
        let args: Vec<String> = args.iter().chain(&["--api", &self.api]).map(|&arg| arg.to_owned()).collect();
        with_input(self.rook(place, &args), &[])
    }

    /// What such a command says, which has to succeed.
    pub fn ok(&self, place: &Place, args: &[&str]) -> String {
        succeeded(self.output(place, args))
    }

    /// The figures of the node on this machine.
    pub fn metrics(&self) -> String {
        let (host, port) = self.api.split_once(':').unwrap();
        let ask = format!(
            "exec 3<>/dev/tcp/{host}/{port}; printf 'GET /metrics HTTP/1.1\\r\\nHost: {}\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3",
            self.api
        );
        inside(&self.space, &["bash", "-c", &ask], "")
    }

    /// Starts a node on this machine, which listens at its address.
    pub fn node(&self, place: &Place, identity: &str, peer: Option<&str>) -> Node {
        let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
        let mut args: Vec<String> = ["run", "--json", "--api", &self.api].map(str::to_owned).into();
        for transport in ["udp/7118/quic-v1", "tcp/7118"] {
            args.extend(["--listen".into(), format!("/ip4/{}/{transport}", self.address)]);
        }
        args.extend(["--identity".into(), text(place.path(identity))]);
        args.extend(["--data".into(), text(place.path(&format!("{identity}-data")))]);
        args.extend(peer.into_iter().flat_map(|peer| ["--peer".to_owned(), peer.to_owned()]));
        let mut node = Node::of(self.rook(place, &args));
        let ready = node.wait_for("ready", std::time::Duration::from_secs(30));
        node.id = ready["id"].as_str().unwrap().to_owned();
        node.listen = ready["listen"].as_array().unwrap().iter().map(|a| a.as_str().unwrap().to_owned()).collect();
        node
    }
}
