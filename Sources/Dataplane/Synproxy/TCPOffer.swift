import Net

/// What a SYN or SYN-ACK offers in its options, or any segment says of time (struct synproxy_options).
struct TCPOffer {
    var options: SynproxyRule.Options = []
    var maximumSegmentSize: UInt16 = 0
    var windowScale: UInt8 = 0
    var timestamp: UInt32 = 0
    var echo: UInt32 = 0

    init() {}

    /// Reads a segment's options (synproxy_parse_options).
    ///
    /// - Returns: nil if the header is cut off.
    init?(_ packet: Packet) {
        guard packet.hasWholeTCPHeader else { return nil }
        var walk = packet.tcpOptions(to: packet.tcpHeaderLength)
        while let option = walk.next() {
            switch (option.kind, option.length) {
            case (TCPOption.segmentSize, TCPOption.segmentSizeLength):
                maximumSegmentSize = packet.transport16(option.offset &+ 2)
                options.insert(.maximumSegmentSize)
            case (TCPOption.windowScale, TCPOption.windowScaleLength):
                windowScale = min(packet.transport8(option.offset &+ 2), TCPOption.highestWindowScale)
                options.insert(.windowScale)
            case (TCPOption.permitsSACK, TCPOption.permitsSACKLength): options.insert(.permitsSACK)
            case (TCPOption.timestamp, TCPOption.timestampLength):
                timestamp = packet.transport32(option.offset &+ 2)
                echo = packet.transport32(option.offset &+ 6)
                options.insert(.timestamp)
            default: break
            }
        }
    }

    // MARK: Writing

    /// Bytes of the options, a multiple of four (synproxy_options_size).
    var length: Int {
        var length = 0
        if options.contains(.maximumSegmentSize) { length += 4 }
        if options.contains(.timestamp) { length += 12 } else if options.contains(.permitsSACK) { length += 4 }
        if options.contains(.windowScale) { length += 4 }
        return length
    }

    /// Writes the options behind a TCP header that has room for them (synproxy_build_options).
    func write(_ packet: Packet) {
        var offset = Offset.tcpHeader
        func word(_ value: UInt32) {
            packet.setTransport32(offset, value)
            offset &+= 4
        }
        if options.contains(.maximumSegmentSize) { word(2 << 24 | 4 << 16 | UInt32(maximumSegmentSize)) }
        if options.contains(.timestamp) {
            word((options.contains(.permitsSACK) ? 4 << 24 | 2 << 16 : 1 << 24 | 1 << 16) | 8 << 8 | 10)
            word(timestamp)
            word(echo)
        } else if options.contains(.permitsSACK) {
            word(1 << 24 | 1 << 16 | 4 << 8 | 2)
        }
        if options.contains(.windowScale) { word(1 << 24 | 3 << 16 | 3 << 8 | UInt32(windowScale)) }
    }

    // MARK: The cookie in the timestamp

    /// Hides in our timestamp what the client offered, for it to come back as an echo; what the server is to be told instead takes its
    /// place (synproxy_init_timestamp_cookie).
    mutating func hide(_ rule: SynproxyRule, now: Instant) {
        echo = timestamp
        timestamp = UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000) & ~0x3F
        if options.contains(.windowScale) {
            timestamp |= UInt32(windowScale)
            windowScale = rule.windowScale
        } else {
            timestamp |= 0xF
        }
        if options.contains(.permitsSACK) { timestamp |= 1 << 4 }
        if options.contains(.ecn) { timestamp |= 1 << 5 }
    }

    /// Takes what the client offered out of the echo again (synproxy_check_timestamp_cookie).
    mutating func recover() {
        windowScale = UInt8(truncatingIfNeeded: echo & 0xF)
        if windowScale != 0xF { options.insert(.windowScale) }
        if echo & 1 << 4 != 0 { options.insert(.permitsSACK) }
        if echo & 1 << 5 != 0 { options.insert(.ecn) }
    }
}
