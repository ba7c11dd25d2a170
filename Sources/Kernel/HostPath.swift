import BPFPrograms
import CXDP
import Glibc
import Net

/// The way between the workers and the host's own network stack.
///
/// ```
///   router's namespace                                   anonymous namespace
///   lan0  ◄── host_in, as if just received ── mart0 ◄──────── mart1 ◄── AF_XDP ── worker, after INPUT
///   lan0  ─── host_out, all IPv4 of the host ─► mart0 ───────► mart1 ── AF_XDP ──► worker, OUTPUT
/// ```
///
/// What NAT turns back to the host in OUTPUT reaches it by `lo` in the same way, as `PortIndex.host`, and the host's answers to that
/// leave it there. All else on `lo` stays the kernel's.
///
/// `mart1` is an ordinary port, to be attached from `inside`. Addresses and routes stay on the NICs. All of it goes with
/// the process, however that ends, and `close` takes it down in order.
///
/// Not for use by several threads at once.
@safe public final class HostPath {
    /// The kernel's end of the pair.
    public static let outerName = "mart0"
    /// The workers' end.
    public static let innerName = "mart1"
    /// The same in every namespace (LOOPBACK_IFINDEX in include/net/flow.h).
    private static let loopback = LinkIndex(rawValue: 1)
    /// Smallest MTU of the pair, in bytes: room for a frame of 1500 with header and tags, and a little.
    public static let leastMTU = 1700

    /// Number of `mart0`.
    public let outer: LinkIndex
    /// MTU of the pair in bytes. Ports whose MTU and `MARTLET_HOST_ROOM` do not fit lose their largest frames to the host.
    public let mtu: Int

    private let namespace: AnonymousNamespace
    private let hostIn: LoadedObject
    private let hostOut: LoadedObject
    private let allowsTCX: Bool
    private var ingress: HostPathFilter?
    private var egress: [PortIndex: (link: LinkIndex, filter: HostPathFilter)] = [:]
    private var isOpen = true

    /// Makes the pair in the calling thread's namespace, which must also be the ports'. A pair that a dead daemon left is
    /// removed first; a living one's is an error.
    ///
    /// - Parameters:
    ///   - control: descriptor of the map with the deadline, shared with the ports.
    ///   - portMTU: the largest MTU of all ports, in bytes.
    ///   - queues: receive queues of `mart1`, 1 to 64; more than one worker can then serve the host.
    ///   - allowsTCX: false to use tc filters, as on kernels before 6.6.
    public init(control: Int32, portMTU: Int = 1500, queues: Int = 1, allowsTCX: Bool = true) throws(HostPathError) {
        guard (68...65535 - 64).contains(portMTU), (1...64).contains(queues) else {
            throw HostPathError("a host path for an MTU of \(portMTU) bytes and \(queues) queues")
        }
        try Self.removeLeftover()
        let namespace = try AnonymousNamespace()
        let mtu = max(Self.leastMTU, portMTU + Int(MemoryLayout<martlet_host_header>.size) + 4)
        let code = LinkRequest.createPair(
            Self.outerName, peer: Self.innerName, in: namespace.descriptor, mtu: mtu, queues: queues)
        guard code == 0 else { throw HostPathError("create the veth pair", link: Self.outerName, code: code) }
        let link = unsafe if_nametoindex(Self.outerName)

        do {
            try namespace.inside { () throws(HostPathError) in try Self.raise(Self.innerName) }
            var options = LoadedObject.Options()
            options.sharedMaps = ["control": control]
            options.constants = [link, UInt32(mtu)]
            hostIn = try Self.load(.hostIn)
            options.sharedMaps["turned"] = hostIn.map("turned")
            hostOut = try Self.load(.hostOut, options)
            // The program first: mart0 is never up without it.
            ingress = try HostPathFilter(
                program: hostIn.program, link: link, name: Self.outerName, direction: .ingress, allowTCX: allowsTCX)
            try Self.raise(Self.outerName)
        } catch {
            _ = LinkRequest.delete(link)
            throw error
        }
        outer = LinkIndex(rawValue: Int32(link))
        self.mtu = mtu
        self.namespace = namespace
        self.allowsTCX = allowsTCX
        try lead(.host, by: Self.loopback, name: "lo")
    }

    deinit { close() }

    /// Runs a body with the calling thread in the namespace of `mart1`: attach it there.
    public func inside<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        try namespace.inside(body)
    }

    /// Leads what the host sends by a NIC to the workers, and makes frames for the host with this port's number arrive on
    /// it. Until the deadline is set, the host's frames go straight out.
    ///
    /// - Throws: if the port is connected already or the program cannot be attached.
    public func connect(_ port: PortIndex, to link: LinkIndex, name: String) throws(HostPathError) {
        guard Int(port.rawValue) < PortIndex.limit, egress[port] == nil else {
            throw HostPathError("connect port \(port.rawValue) to the host", link: name, advice: "it is out of range or taken")
        }
        try lead(port, by: link, name: name)
    }

    private func lead(_ port: PortIndex, by link: LinkIndex, name: String) throws(HostPathError) {
        var key = UInt32(port.rawValue)
        var number = UInt32(bitPattern: link.rawValue)
        guard unsafe bpf_map_update_elem(hostIn.map("ports"), &key, &number, 0) == 0,
            unsafe bpf_map_update_elem(hostOut.map("links"), &number, &key, 0) == 0
        else {
            throw HostPathError("enter the port into the BPF maps", link: name, code: errno)
        }
        do {
            let filter = try HostPathFilter(
                program: hostOut.program, link: number, name: name, direction: .egress, allowTCX: allowsTCX)
            egress[port] = (link, filter)
        } catch {
            forget(port, link)
            throw error
        }
    }

    /// Undoes `connect`. A NIC that is gone meanwhile is no matter, nor a port that is not connected.
    public func disconnect(_ port: PortIndex) {
        guard let (link, filter) = egress.removeValue(forKey: port) else { return }
        filter.detach()
        forget(port, link)
    }

    /// Takes everything down: the programs off the NICs, then the pair. `mart1` must be detached before. Twice is fine.
    public func close() {
        guard isOpen else { return }
        isOpen = false
        for port in Array(egress.keys) { disconnect(port) }
        ingress?.detach()
        ingress = nil
        _ = LinkRequest.delete(UInt32(bitPattern: outer.rawValue))
    }

    /// What the two tc programs did, in frames (a GSO frame is one).
    public func counters() -> HostPathCounters {
        let incoming = hostIn.counters()
        let outgoing = hostOut.counters()
        return HostPathCounters(
            toHost: incoming[Int(MARTLET_COUNT_HANDED.rawValue)],
            toHostRefused: incoming[Int(MARTLET_COUNT_REFUSED.rawValue)],
            fromHost: outgoing[Int(MARTLET_COUNT_HANDED.rawValue)],
            fromHostNoRoom: outgoing[Int(MARTLET_COUNT_NO_ROOM.rawValue)],
            straightOut: outgoing[Int(MARTLET_COUNT_PASSED.rawValue)],
            late: outgoing[Int(MARTLET_COUNT_LATE.rawValue)])
    }

    /// By tcx links (which go with the process) or by tc filters.
    public var usesTCX: Bool { ingress?.isTCX ?? false }

    private func forget(_ port: PortIndex, _ link: LinkIndex) {
        var key = UInt32(port.rawValue)
        var number = UInt32(bitPattern: link.rawValue)
        unsafe bpf_map_delete_elem(hostOut.map("links"), &number)
        number = 0
        unsafe bpf_map_update_elem(hostIn.map("ports"), &key, &number, 0)
    }

    /// A dead daemon's pair goes by itself within moments. One that stays either has a living owner, whose program is
    /// attached by a link, or is left over and in the way.
    private static func removeLeftover() throws(HostPathError) {
        for _ in 0..<20 {
            guard unsafe if_nametoindex(outerName) != 0 else { return }
            usleep(50_000)
        }
        let link = unsafe if_nametoindex(outerName)
        guard link != 0 else { return }
        guard martlet_count_tcx(Int32(link), martlet_tcx_ingress) <= 0 else {
            throw HostPathError("take \(outerName)", code: EBUSY, advice: "another martlet is running in this network namespace")
        }
        let code = LinkRequest.delete(link)
        guard code == 0 else { throw HostPathError("remove a leftover link", link: outerName, code: code) }
    }

    private static func raise(_ name: String) throws(HostPathError) {
        // Without IPv6 in the kernel there is nothing to silence.
        _ = unsafe LinkRequest.silenceIPv6(if_nametoindex(name))
        let probe = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { throw HostPathError("open a socket", code: errno) }
        defer { Glibc.close(probe) }
        guard unsafe martlet_raise_link(probe, name) == 0 else {
            throw HostPathError("bring the link up", link: name, code: errno)
        }
    }

    private static func load(
        _ object: BPFObject, _ options: LoadedObject.Options = LoadedObject.Options()
    ) throws(HostPathError) -> LoadedObject {
        do {
            return try LoadedObject(object, options: options)
        } catch {
            throw HostPathError("\(error)")
        }
    }
}

/// What passed between the host and the workers, in frames.
public struct HostPathCounters: Sendable, Codable, Hashable {
    /// Delivered to the kernel as arriving on a NIC.
    public var toHost: UInt64
    /// Dropped on `mart0`: no trailer, or one with a port that is not connected.
    public var toHostRefused: UInt64
    /// Led to the workers.
    public var fromHost: UInt64
    /// Dropped: no memory for the header or the tag, or too long for `mart0`, as an answer by the loopback interface may be.
    public var fromHostNoRoom: UInt64
    /// Straight out by the NIC: ARP, IPv6, frames of packet sockets.
    public var straightOut: UInt64
    /// Straight out because the deadline had passed or was not set yet.
    public var late: UInt64
}
