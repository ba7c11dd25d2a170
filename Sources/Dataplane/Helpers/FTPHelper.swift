import Net

/// FTP's data connections (RFC 959, RFC 2428): the client's PORT and EPRT, the server's answers 227 and 229
/// (net/netfilter/nf_conntrack_ftp.c, nf_nat_ftp.c).
///
/// Only what stands at the beginning of a line counts, so the beginnings of lines are remembered by their sequence numbers. An
/// address that is not the speaker's own opens nothing: it is how others are attacked through a server (the kernel's `loose=0`).
enum FTPHelper: Helper {
    static var description: HelperDescription {
        HelperDescription(name: "ftp", ipProtocol: .tcp, port: 21, policies: [policy])
    }

    @inline(__always)
    static var policy: ExpectationPolicy { ExpectationPolicy(maximum: 1, timeout: 300) }

    static func read(_ packet: inout Packet, _ worker: inout Worker) -> DropReason? {
        guard packet.tracking.state == .established, let text = HelperText(packet) else { return nil }
        let flow = packet.tracking.flow
        let direction = packet.tracking.direction
        let sequence = SequenceNumber(packet.transport32(Offset.tcpSequence))
        let endsLine = text[text.count - 1] == 0x0A
        let end = sequence + UInt32(truncatingIfNeeded: text.count)
        let table = worker.flows.flows
        table[flow].lock.lock()
        let beginsLine = worker.flows.help[flow][newlines: direction].contains(sequence)
        table[flow].lock.unlock()
        var reason: DropReason?
        if beginsLine {
            switch FTPCommand.read(text, direction, speaker: table[flow].tuple(direction).source) {
            case .nothing: break
            case .partial: return .helperPartial
            case .command(let command): reason = announce(command, text, &packet, &worker)
            }
        }
        if endsLine {
            table[flow].lock.lock()
            worker.flows.help[flow][newlines: direction].note(end)
            table[flow].lock.unlock()
        }
        return reason
    }

    private static func announce(
        _ command: FTPCommand, _ text: HelperText, _ packet: inout Packet, _ worker: inout Worker
    ) -> DropReason? {
        let flow = packet.tracking.flow
        let direction = packet.tracking.direction
        guard command.address == worker.flows.flows[flow].tuple(direction).source else { return nil }
        var expected = worker.expectation(for: packet, direction.opposite, .tcp, port: command.port)
        guard worker.flows.isTranslated(flow) else { return worker.expect(expected, policy) ? nil : .expectationRefused }
        expected.flags.insert(.followsNAT)
        guard let port = worker.expectOnFreePort(&expected, policy) else { return .expectationPorts }
        // The connection will come to wherever this packet seems to come from.
        let address = worker.flows.flows[flow].tuple(direction.opposite).destination
        let replacement = command.form.text(address, port)
        guard worker.mangle(&packet, text, at: command.start, length: command.length, replacement) else {
            worker.flows.expectations.withdraw(expected, now: worker.now)
            return .helperRoom
        }
        return nil
    }
}
