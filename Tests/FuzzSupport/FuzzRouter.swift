import Control
import Net
import Router
import Rules
import TestSupport

/// A router in memory that is fuzzed: it masquerades 10.0.0.0/24 behind lan0 as 198.51.100.1 on wan0, and forwards a port range back in.
///
/// One router serves all inputs, since making one takes longer than a thousand packets; between inputs an hour passes, after which it has
/// forgotten everything. When that has come to some centuries, another takes its place: clocks count nanoseconds in 64 bits.
public final class FuzzRouter {
    public static let lan = PortIndex(rawValue: 0)
    public static let wan = PortIndex(rawValue: 1)
    public static let client: IPv4Address = "10.0.0.2"
    public static let server: IPv4Address = "198.51.100.2"

    private static let rules = """
        *nat
        -A PREROUTING -i wan0 -p tcp -m tcp --dport 4000:4999 -j DNAT --to-destination 10.0.0.2-10.0.0.3
        -A POSTROUTING -o wan0 -j MASQUERADE
        COMMIT
        *filter
        -A INPUT -p udp -j REJECT --reject-with icmp-port-unreachable
        -A FORWARD -m conntrack --ctstate INVALID -j DROP
        -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A FORWARD -p tcp -m multiport --dports 22,23 -j REJECT --reject-with tcp-reset
        -A FORWARD -i lan0 -j ACCEPT
        -A FORWARD -m conntrack --ctstate DNAT -j ACCEPT
        -A FORWARD -j DROP
        COMMIT

        """

    private var router: OfflineRouter
    private let make: () -> OfflineRouter
    private let topology = Topology.cables()
    private var sent: UInt64 = 0

    /// - Parameters:
    ///   - rules: in place of the usual ones.
    ///   - change: of the configuration, such as its helpers.
    public init(rules: String = FuzzRouter.defaultRules, change: (inout Configuration) -> Void = { _ in }) {
        do {
            var configuration = try Configuration.parse(Self.configuration(topology), file: "configuration")
            change(&configuration)
            let ruleset = try Ruleset.restoring(rules, file: "rules")
            make = { [configuration] in
                do {
                    return try OfflineRouter(configuration, ruleset: ruleset, longestFrame: 9000, start: .seconds(1000))
                } catch {
                    fatalError("\(error)")
                }
            }
        } catch {
            fatalError("\(error)")
        }
        router = make()
    }

    public static var defaultRules: String { rules }

    /// The laboratory with cables, neighbours .2 and .3 on each side, and few flows, so that their table is full at times.
    private static func configuration(_ topology: Topology) -> String {
        var lines = ["ports: [" + topology.sides.map { "{name: \($0.interface)}" }.joined(separator: ", ") + "]"]
        lines += ["conntrack: {max: 500, timeouts: {tcp-established: 600}}", "static:", "  ports:"]
        for (index, side) in topology.sides.enumerated() {
            lines.append("    - {name: \(side.interface), mac: \"\(topology.routerMAC(index))\", addresses: [\(side.address)]}")
        }
        lines += ["  routes: [{to: 0.0.0.0/0, via: 198.51.100.2, port: wan0}]", "  neighbors:"]
        for (index, side) in topology.sides.enumerated() {
            for host in [UInt32(2), 3] {
                lines.append(
                    "    - {address: \(side.hostAddress(host)), mac: \"\(topology.hostMAC(index, host))\", port: \(side.interface)}")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    public var now: Instant { router.now }

    /// A packet, with Ethernet addresses and checksums as it should have them unless it says otherwise.
    public func send(_ packet: TestPacket, on port: PortIndex, after milliseconds: UInt64 = 0) {
        var packet = packet
        topology.address(&packet, side: Int(port.rawValue))
        send(frame: packet.bytes, on: port, after: milliseconds)
    }

    public func send(frame: [UInt8], on port: PortIndex, after milliseconds: UInt64 = 0, isFromHost: Bool = false) {
        if router.receive(frame, on: port, at: router.now + milliseconds * 1_000_000, isFromHost: isFromHost) { sent += 1 }
    }

    /// What has left since the last call, each checked: a whole IP packet with a right header checksum, and a right transport
    /// checksum unless what came in had a wrong one.
    ///
    /// - Parameter isCorrect: nothing with a wrong checksum was sent since.
    public func departures(isCorrect: Bool) -> [(port: PortIndex, bytes: [UInt8])] {
        router.takeDepartures().map { departure in
            let packet = departure.bytes.dropFirst(14)
            let first = packet.startIndex
            precondition(packet.count >= 20 && packet[first] >> 4 == 4, "no IPv4 packet left")
            let header = Int(packet[first] & 15) * 4
            let total = Int(packet[first + 2]) << 8 | Int(packet[first + 3])
            precondition(header >= 20 && total >= header && total <= packet.count, "lengths of what left are wrong")
            precondition(internetSum(packet.prefix(header)) == 0xFFFF, "the header checksum of what left is wrong")
            if isCorrect { Self.requireTransportChecksum(packet.prefix(total), header: header) }
            return (departure.port, departure.bytes)
        }
    }

    private static func requireTransportChecksum(_ packet: ArraySlice<UInt8>, header: Int) {
        let first = packet.startIndex
        // Not of fragments, which have only a part.
        guard packet[first + 6] & 0x3F == 0, packet[first + 7] == 0 else { return }
        let transport = packet.dropFirst(header)
        var pseudo = Array(packet[first + 12..<first + 20]) + [0, packet[first + 9]]
        pseudo += [UInt8(transport.count >> 8), UInt8(transport.count & 255)]
        switch packet[first + 9] {
        case 1 where transport.count >= 8: pseudo = []
        case 6 where transport.count >= 20: break
        case 17 where transport.count >= 8 && (transport[transport.startIndex + 6] != 0 || transport[transport.startIndex + 7] != 0): break
        default: return
        }
        precondition(internetSum((pseudo + transport)[...]) == 0xFFFF, "the transport checksum of what left is wrong")
    }

    /// The end of an input: the books balance, and after an hour nothing is left.
    public func forget() {
        router.settle(until: router.now + 60_000_000_000)
        router.advance(to: router.now + 3_600_000_000_000)
        _ = router.takeDepartures()
        let books = router.books()
        precondition(books.isBalanced && books.held == 0 && books.received + books.fromHost == sent, "\(books)")
        precondition(router.flowCount == 0, "flows outlive their timeouts")
        guard router.now.nanoseconds > .max / 2 else { return }
        router = make()
        sent = 0
    }
}
