import Net

/// TFTP (RFC 1350): a request goes to port 69, the answer comes from any other (net/netfilter/nf_conntrack_tftp.c).
enum TFTPHelper: Helper {
    static var description: HelperDescription {
        HelperDescription(name: "tftp", ipProtocol: .udp, port: 69, policies: [policy])
    }

    @inline(__always)
    static var policy: ExpectationPolicy { ExpectationPolicy(maximum: 1, timeout: 300) }

    private static let read: UInt16 = 1
    private static let write: UInt16 = 2

    static func read(_ packet: inout Packet, _ worker: inout Worker) -> DropReason? {
        guard let text = HelperText(packet), text.count >= 2 else { return nil }
        let operation = UInt16(text[0]) << 8 | UInt16(text[1])
        guard operation == read || operation == write else { return nil }
        let flow = packet.tracking.flow
        let reply = worker.flows.flows[flow].reply
        var expected = worker.expectation(for: packet, .reply, .udp, port: reply.destinationPort)
        if worker.flows.isTranslated(flow) {
            expected.savedPort = worker.flows.flows[flow].original.sourcePort
            expected.flags.insert(.followsNAT)
        }
        return worker.expect(expected, policy) ? nil : .expectationRefused
    }
}
