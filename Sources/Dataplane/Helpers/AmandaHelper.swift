import Net

/// Amanda's backup protocol: the client answers the server's request for a backup with the ports at which its streams can be had,
/// `CONNECT DATA 50001 MESG 50002 INDEX 50003 STATE 50004` (net/netfilter/nf_conntrack_amanda.c).
enum AmandaHelper: Helper {
    static var description: HelperDescription {
        HelperDescription(name: "amanda", ipProtocol: .udp, port: 10080, policies: [policy])
    }

    @inline(__always)
    static var policy: ExpectationPolicy { ExpectationPolicy(maximum: 4, timeout: 180) }

    /// How long the flow lives after an answer, in seconds, since the next may take its time (master_timeout).
    private static let masterTimeout: UInt64 = 300

    static func read(_ packet: inout Packet, _ worker: inout Worker) -> DropReason? {
        // Requests begin the flow; who answers them is who can be connected to.
        guard packet.tracking.direction == .reply else { return nil }
        worker.flows.flows[packet.tracking.flow].expire(at: worker.now + masterTimeout * TCPTimeouts.second)
        guard let text = HelperText(packet), let connect = text.find("CONNECT ", from: 0, to: text.count) else { return nil }
        var outcome = announce("DATA ", &packet, &worker, from: connect + 8)
        if outcome == .next { outcome = announce("MESG ", &packet, &worker, from: connect + 8) }
        if outcome == .next { outcome = announce("INDEX ", &packet, &worker, from: connect + 8) }
        if outcome == .next { outcome = announce("STATE ", &packet, &worker, from: connect + 8) }
        if case .drop(let reason) = outcome { return reason }
        return nil
    }

    private enum Outcome: Equatable {
        /// On to the next stream.
        case next
        case end
        case drop(DropReason)
    }

    /// Expects the connections of one stream, if the line names it. The text is looked at anew for each, since the one before may
    /// have changed its length.
    private static func announce(_ stream: StaticString, _ packet: inout Packet, _ worker: inout Worker, from start: Int) -> Outcome {
        guard let text = HelperText(packet), let stop = text.find("\n", from: start, to: text.count) else { return .end }
        guard let place = text.find(stream, from: start, to: stop) else { return .next }
        let digits = place + stream.utf8CodeUnitCount
        let (value, end) = text.number(at: digits, limit: min(stop, digits + 5))
        let port = UInt16(truncatingIfNeeded: value)
        guard port != 0 else { return .end }
        var expected = worker.expectation(for: packet, .original, .tcp, port: port)
        guard worker.flows.isTranslated(packet.tracking.flow) else {
            return worker.expect(expected, policy) ? .next : .drop(.expectationRefused)
        }
        expected.flags.insert(.followsNAT)
        guard let free = worker.expectOnFreePort(&expected, policy) else { return .drop(.expectationPorts) }
        var replacement = Replacement()
        replacement.append(number: UInt32(free))
        guard worker.mangle(&packet, text, at: digits, length: end - digits, replacement) else {
            worker.flows.expectations.withdraw(expected, now: worker.now)
            return .drop(.helperRoom)
        }
        return .next
    }
}
