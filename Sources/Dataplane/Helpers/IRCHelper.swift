import Net

/// IRC's direct client connections: `PRIVMSG NICK :␁DCC SEND FILE 3232235777 5000 12345␁` invites another client to connect to the
/// sender (net/netfilter/nf_conntrack_irc.c). RESUME and ACCEPT speak of a port alone, announce nothing, and stay as they are.
enum IRCHelper: Helper {
    static var description: HelperDescription {
        HelperDescription(name: "irc", ipProtocol: .tcp, port: 6667, policies: [policy])
    }

    @inline(__always)
    static var policy: ExpectationPolicy { ExpectationPolicy(maximum: 8, timeout: 300) }

    /// Bytes of a segment that are looked at (MAX_SEARCH_SIZE).
    private static let searchLimit = 4095
    /// The shortest invitation behind its " :" (21 + MINMATCHLEN).
    private static let shortestInvitation = 26

    static func read(_ packet: inout Packet, _ worker: inout Worker) -> DropReason? {
        // Only what a client says, and only once it has been answered.
        guard packet.tracking.direction == .original, packet.tracking.state == .established, let text = HelperText(packet)
        else { return nil }
        let limit = min(text.count, searchLimit)
        var place = 0
        while place < limit - 10, text[place] == 0x20 || text[place] == 0x0D || text[place] == 0x0A { place += 1 }
        if place < limit - 10 {
            guard text.has("PRIVMSG ", at: place, ignoringCase: true) else { return nil }
            place += 8
        }
        while place < limit - shortestInvitation {
            guard text.has(" :", at: place) else {
                place += 1
                continue
            }
            place += 2
            guard text.has("\u{1}DCC ", at: place) else { return nil }
            place += 5
            guard let length = invitation(text, at: place) else { continue }
            place += length
            guard let offer = Offer(text, from: place, limit: limit) else { continue }
            let flow = packet.tracking.flow
            // The address is the client's own, or the one it has outside.
            guard offer.port != 0,
                offer.address == worker.flows.flows[flow].original.source
                    || offer.address == worker.flows.flows[flow].reply.destination
            else { continue }
            return announce(offer, text, &packet, &worker)
        }
        return nil
    }

    /// The length of the word that says what a client is invited to, with its space; nil if it announces no connection.
    private static func invitation(_ text: HelperText, at place: Int) -> Int? {
        if text.has("SEND ", at: place) || text.has("CHAT ", at: place) || text.has("MOVE ", at: place) { return 5 }
        if text.has("TSEND ", at: place) || text.has("SCHAT ", at: place) { return 6 }
        return nil
    }

    /// Address and port of an invitation, and where they stand.
    private struct Offer {
        var address: IPv4Address
        var port: UInt16
        var start: Int
        var end: Int

        /// parse_dcc. The argument before the address is a file's name, or "chat"; beyond the kernel, a name in quotation marks may
        /// have spaces in it, as clients send it.
        ///
        /// - Returns: nil if there is none.
        init?(_ text: HelperText, from first: Int, limit: Int) {
            var place = first
            if text[place] == 0x22 {
                place += 1
                while place < limit, text[place] != 0x22 { place += text[place] == 0x5C ? 2 : 1 }
                place += 1
            }
            while true {
                // What is left holds at least "AAAAAAAA P\1\n".
                guard place <= limit - 12 else { return nil }
                place += 1
                if text[place - 1] == 0x20 { break }
            }
            // A line that is cut off is not read: its port may be.
            guard text.find("\n", from: place, to: limit) != nil else { return nil }
            start = place
            let (address, afterAddress) = text.number(at: place, limit: limit)
            self.address = IPv4Address(rawValue: UInt32(truncatingIfNeeded: address))
            place = afterAddress
            while place < limit, text[place] == 0x20 { place += 1 }
            let (port, afterPort) = text.number(at: place, limit: limit)
            self.port = UInt16(truncatingIfNeeded: port)
            end = afterPort
            // CTCP quotes with these two. No client need quote a digit, but who reads `50\00` reads 5000: a number that goes on behind a
            // quotation is not the one that stands here.
            if end < limit, text[end] == Self.lowQuote || text[end] == Self.highQuote { return nil }
        }

        /// M-QUOTE and X-QUOTE of the CTCP specification.
        private static let lowQuote: UInt8 = 0x10
        private static let highQuote: UInt8 = 0x5C
    }

    private static func announce(
        _ offer: Offer, _ text: HelperText, _ packet: inout Packet, _ worker: inout Worker
    ) -> DropReason? {
        let flow = packet.tracking.flow
        var expected = worker.expectation(for: packet, .reply, .tcp, port: offer.port, isFromAnywhere: true)
        guard worker.flows.isTranslated(flow) else { return worker.expect(expected, policy) ? nil : .expectationRefused }
        expected.flags.insert(.followsNAT)
        guard let port = worker.expectOnFreePort(&expected, policy) else { return .expectationPorts }
        var replacement = Replacement()
        replacement.append(number: worker.flows.flows[flow].reply.destination.rawValue)
        replacement.append(0x20)
        replacement.append(number: UInt32(port))
        guard worker.mangle(&packet, text, at: offer.start, length: offer.end - offer.start, replacement) else {
            worker.flows.expectations.withdraw(expected, now: worker.now)
            return .helperRoom
        }
        return nil
    }
}
