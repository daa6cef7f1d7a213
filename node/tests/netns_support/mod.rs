//! A small internet of network namespaces: a wire in the middle, machines on it, and routers with homes behind them.
//!
//! The namespaces are made for one test and go with it. Nothing of them touches the network of the machine.

#![allow(dead_code, unreachable_pub, missing_docs, clippy::print_stdout, reason = "each test uses a part of it")]

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use rustix::ioctl::{Setter, ioctl};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

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
    net: &'static str,
    spaces: Vec<String>,
}

impl Internet {
    /// An internet without machines; `None` where namespaces cannot be made, and it is said why.
    pub fn new(name: &str) -> Option<Self> {
        Self::in_net(name, "203.0.113")
    }

    /// One whose addresses look like any others: routers forward no ports of addresses that are for documentation. They are
    /// not found outside of the namespaces, as nothing is.
    pub fn of_common_addresses(name: &str) -> Option<Self> {
        Self::in_net(name, "11.1.2")
    }

    fn in_net(name: &str, net: &'static str) -> Option<Self> {
        let tools = [("ip", "-V"), ("nft", "-v")];
        let missing =
            tools.iter().find(|(tool, flag)| !Command::new(tool).arg(flag).output().is_ok_and(|o| o.status.success()));
        if let Some((tool, _)) = missing {
            println!("skipped: this test needs the command {tool} (iproute2, nftables)");
            return None;
        }
        let mut internet = Self { prefix: format!("rook{}{name}", std::process::id()), net, spaces: Vec::new() };
        let wire = internet.space_name("wire");
        let made = Command::new("ip").args(["netns", "add", &wire]).output().unwrap();
        if !made.status.success() {
            println!("skipped: no namespaces here ({}): run it as root", String::from_utf8_lossy(&made.stderr).trim());
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
        let address = format!("{}.{number}", self.net);
        self.ip(space, &format!("addr add {address}/24 dev outside"));
        address
    }

    /// A machine with an address of its own.
    pub fn machine(&mut self, name: &str) -> Machine {
        let space = self.space(name);
        let address = self.on_wire(&space);
        self.placed(name, space, address)
    }

    /// A machine whose packets go to whoever has the device that is returned, and come from there, and not over the wire. The
    /// last byte of its address is returned as well.
    pub fn machine_on_tap(&mut self, name: &str) -> (Machine, File, u8) {
        let space = self.space(name);
        let number = u8::try_from(self.spaces.len()).unwrap();
        let address = format!("{}.{number}", self.net);
        self.ip(&space, "tuntap add dev outside mode tun");
        self.ip(&space, &format!("addr add {address}/24 dev outside"));
        self.ip(&space, "link set outside up");
        let tap = tap(&space, "outside").unwrap();
        (self.placed(name, space, address), tap, number)
    }

    /// Whether the cable of a machine is in the wire.
    pub fn plug(&self, machine: &Machine, is_in: bool) {
        let number = machine.address.rsplit('.').next().unwrap();
        let state = if is_in { "up" } else { "down" };
        self.ip(&self.space_name("wire"), &format!("link set port{number} {state}"));
    }

    /// Has a machine send to groups of others over the wire, whatever program asks.
    pub fn route_multicast(&self, machine: &Machine) {
        self.ip(&machine.space, "route add 224.0.0.0/4 dev outside");
    }

    /// A machine in a home, behind a router that translates, and lets nobody in who was not asked.
    pub fn home(&mut self, name: &str, nat: Nat) -> Machine {
        self.home_and_router(name, nat).0
    }

    /// The same, whose router takes orders (UPnP), and obeys or refuses; `None` where it has no program for that.
    pub fn home_with_orders(&mut self, name: &str, place: &Place, obeys: bool) -> Option<Machine> {
        if Command::new("miniupnpd").arg("--version").output().is_err() {
            println!("skipped: this test needs the command miniupnpd (miniupnpd-nftables)");
            return None;
        }
        let (mut machine, router) = self.home_and_router(name, Nat::PortKept);
        let orders = if obeys { "allow 1024-65535 192.168.1.0/24 1024-65535" } else { "" };
        let settings = place.write(
            &format!("{name}-router.conf"),
            format!(
                "ext_ifname=outside\nlistening_ip=home\nenable_natpmp=no\nsecure_mode=yes\n\
                 upnp_table_name=filter\nupnp_nat_table_name=filter\nupnp_forward_chain=asked\n\
                 upnp_nat_chain=asked_in\nupnp_nat_postrouting_chain=asked_out\n{orders}\ndeny 0-65535 0.0.0.0/0 0-65535\n"
            ),
        );
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &router, "miniupnpd", "-d", "-f"]).arg(settings);
        command.arg("-P").arg(place.path(&format!("{name}-router.pid"))).stdout(Stdio::null());
        let log = place.path(&format!("{name}-router.log"));
        command.stderr(std::fs::File::create(&log).unwrap());
        die_with_us(&mut command);
        machine.router = Some(Router { program: command.spawn().unwrap(), log });
        Some(machine)
    }

    fn home_and_router(&mut self, name: &str, nat: Nat) -> (Machine, String) {
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
            "table inet filter {{
                chain asked {{ }}
                chain asked_in {{ }}
                chain asked_out {{ }}
                chain through {{ type filter hook forward priority filter; policy drop;
                    ct state established,related accept; iifname home accept; jump asked; }}
                chain here {{ type filter hook input priority filter; policy drop;
                    ct state established,related accept; iifname home accept; }}
                chain in {{ type nat hook prerouting priority dstnat; jump asked_in; }}
                chain out {{ type nat hook postrouting priority srcnat; jump asked_out; oifname outside masquerade {ports}; }}
            }}"
        );
        inside(&router, &["nft", "-f", "-"], &rules);
        (self.placed(name, space, "192.168.1.2".into()), router)
    }

    fn placed(&self, name: &str, space: String, address: String) -> Machine {
        let api = format!("127.0.0.1:{}", 7200 + self.spaces.len());
        Machine { name: name.into(), space, api, address, router: None, around: Vec::new() }
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        for space in &self.spaces {
            let _ = Command::new("ip").args(["netns", "del", space]).output();
        }
    }
}

/// The end of a TUN device of a namespace at which its packets come out.
fn tap(space: &str, device: &str) -> io::Result<File> {
    /// `TUNSETIFF` of linux/if_tun.h, `_IOW('T', 202, int)`.
    const ATTACH: rustix::ioctl::Opcode = rustix::ioctl::opcode::write::<i32>(b'T', 202);
    /// `IFF_TUN | IFF_NO_PI` of linux/if_tun.h: packets as they are, with nothing before them.
    const PLAIN: i16 = 0x1001;
    // `struct ifreq` of linux/if.h: a name of 16 bytes, and a union of 24 of which the flags are the first two.
    let mut request = [0_u8; 40];
    request[..device.len()].copy_from_slice(device.as_bytes());
    request[16..18].copy_from_slice(&PLAIN.to_ne_bytes());
    let space = File::open(format!("/run/netns/{space}"))?;
    // A thread of its own, for it stays in the namespace.
    let attach = move || {
        move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network))?;
        let device = File::options().read(true).write(true).open("/dev/net/tun")?;
        // Safety: the kernel reads a `struct ifreq`, which is what the array is, as large as it is on 64 bits.
        #[allow(unsafe_code, reason = "there is no other way to such a device")]
        unsafe {
            ioctl(&device, Setter::<ATTACH, _>::new(request))?;
        }
        Ok(device)
    };
    std::thread::spawn(attach).join().unwrap()
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
    router: Option<Router>,
    /// A command with whose arguments the node's own begins.
    pub around: Vec<String>,
}

/// The program by which a router takes orders.
struct Router {
    program: Child,
    log: PathBuf,
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Machine {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command of the program on this machine.
    pub fn rook(&self, place: &Place, args: &[String]) -> Command {
        self.rook_within(&[], place, args)
    }

    fn rook_within(&self, around: &[String], place: &Place, args: &[String]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space]).args(around).arg(env!("CARGO_BIN_EXE_rook"));
        command.args(args).current_dir(place.path(""));
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

    /// What its router says of the orders that it was given.
    pub fn orders(&self) -> String {
        std::fs::read_to_string(&self.router.as_ref().unwrap().log).unwrap()
    }

    /// Starts a node on this machine, which listens at its address.
    pub fn node(&self, place: &Place, identity: &str, peer: Option<&str>, flags: &[&str]) -> Node {
        let mut node = self.begin(place, identity, peer, flags);
        is_ready(&mut node);
        node
    }

    /// The same, and does not wait until it listens.
    pub fn begin(&self, place: &Place, identity: &str, peer: Option<&str>, flags: &[&str]) -> Node {
        let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
        let mut args: Vec<String> = ["run", "--json", "--api", &self.api].map(str::to_owned).into();
        for transport in ["udp/7118/quic-v1", "tcp/7118"] {
            args.extend(["--listen".into(), format!("/ip4/{}/{transport}", self.address)]);
        }
        args.extend(["--identity".into(), text(place.path(identity))]);
        args.extend(["--data".into(), text(place.path(&format!("{identity}-data")))]);
        args.extend(peer.into_iter().flat_map(|peer| ["--peer".to_owned(), peer.to_owned()]));
        args.extend(flags.iter().map(|&flag| flag.to_owned()));
        Node::of(self.rook_within(&self.around, place, &args))
    }

    /// Sends a datagram from this machine to all on the wire who listen for mDNS.
    pub fn multicast(&self, datagram: &[u8]) {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space, "bash", "-c", "cat > /dev/udp/224.0.0.251/5353"]);
        succeeded(with_input(command, datagram));
    }
}

/// Waits until a node listens.
pub fn is_ready(node: &mut Node) {
    let ready = node.wait_for("ready", std::time::Duration::from_secs(30));
    node.id = ready["id"].as_str().unwrap().to_owned();
    node.listen = ready["listen"].as_array().unwrap().iter().map(|a| a.as_str().unwrap().to_owned()).collect();
}
