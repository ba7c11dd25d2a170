import Net

// What a router makes of IP options (RFC 791, 3.1; net/ipv4/ip_options.c). They are read behind PREROUTING, when it is settled where the
// packet goes (ip_rcv_finish_core); what they ask for is entered there and then, with the address that the router has towards the sender,
// and behind FORWARD with the one that the packet leaves by (ip_forward_options). Rules and ICMP errors see what was entered; the header's
// checksum follows only behind FORWARD. What is for the host goes there as it came: the host enters it itself.

/// Why a packet's options keep it from going on.
enum IPOptionsFault {
    /// This byte of the header is wrong. The sender is told (RFC 792, parameter problem).
    case malformed(at: Int)
    /// Source routing, which is refused as `accept_source_route=0` says.
    case sourceRoute
}

/// Option kinds of IPv4 (IANA, Internet Protocol Version 4 Parameters); end and padding are TCP's as well.
private enum IPOption {
    static let recordRoute: UInt8 = 7
    static let timestamp: UInt8 = 68
    static let looseSourceRoute: UInt8 = 131
    static let strictSourceRoute: UInt8 = 137
    static let routerAlert: UInt8 = 148

    /// What a time stamp comes with, the low half of the option's fourth byte.
    static let stampsAlone: UInt8 = 0
    static let stampsWithAddress: UInt8 = 1
    static let stampsOfNamed: UInt8 = 3
}

/// What was found in the options of the packet under way, and what they were like before (struct ip_options in include/net/inet_sock.h).
struct IPOptionsRead {
    /// Where record route and time stamps are, counted from the start of the header; 0 if they are not.
    fileprivate var record = 0
    fileprivate var stamp = 0
    fileprivate var recordNeedsAddress = false
    fileprivate var stampNeedsAddress = false
    fileprivate var stampNeedsTime = false
    /// Whether anything was entered, which the header's checksum was not told of.
    fileprivate var isChanged = false
    /// The options as they came.
    fileprivate var original = InlineArray<40, UInt8>(repeating: 0)
}

extension Worker {
    /// Whether the options of this packet were read and changed since its header was summed up.
    func hasChangedOptions(_ packet: Packet) -> Bool { packet.hasReadOptions && options[0].isChanged }

    // MARK: Behind PREROUTING

    /// Walks the options as the kernel does, and enters what they ask for (__ip_options_compile). What came before a fault stays entered.
    /// (CIPSO is not looked into: what it means depends on labels that a router does not have.)
    ///
    /// - Parameter isLocal: whether the packet is for an address of the host's, which is then entered.
    @inline(never)
    func readOptions(_ packet: inout Packet, isLocal: Bool) -> IPOptionsFault? {
        options[0] = IPOptionsRead()
        packet.hasReadOptions = true
        let back = isLocal ? packet.destination : sourceBack(packet)
        for place in Offset.ipHeader..<packet.headerLength { options[0].original[place &- Offset.ipHeader] = packet.ip8(place) }
        var walk = packet.ipOptions
        var isSourceRouted = false
        while let option = walk.next() {
            let start = option.offset
            switch option.kind {
            case IPOption.looseSourceRoute, IPOption.strictSourceRoute:
                if option.length < 3 { return .malformed(at: start &+ 1) }
                if packet.ip8(start &+ 2) < 4 { return .malformed(at: start &+ 2) }
                if isSourceRouted { return .malformed(at: start) }
                isSourceRouted = true
            case IPOption.recordRoute:
                if let place = readRecord(packet, option, back) { return .malformed(at: place) }
            case IPOption.timestamp:
                if let place = readStamp(packet, option, back) { return .malformed(at: place) }
            case IPOption.routerAlert:
                if option.length < 4 { return .malformed(at: start &+ 1) }
            default: break
            }
        }
        if walk.isMalformed { return .malformed(at: walk.offset) }
        // What is behind the end is cleared.
        for place in walk.offset..<packet.headerLength where packet.ip8(place) != TCPOption.end {
            packet.setIP8(place, TCPOption.end)
            options[0].isChanged = true
        }
        return isSourceRouted ? .sourceRoute : nil
    }

    /// - Returns: the place that is wrong.
    private func readRecord(_ packet: Packet, _ option: OptionWalk.Option, _ back: IPv4Address) -> Int? {
        if options[0].record != 0 { return option.offset }
        if option.length < 3 { return option.offset &+ 1 }
        // Points to the next free place, counted from 1.
        let pointer = packet.ip8(option.offset &+ 2)
        if pointer < 4 { return option.offset &+ 2 }
        if Int(pointer) <= option.length {
            if Int(pointer) &+ 3 > option.length { return option.offset &+ 2 }
            packet.setIP32(option.offset &+ Int(pointer) &- 1, back.rawValue)
            packet.setIP8(option.offset &+ 2, pointer &+ 4)
            options[0].recordNeedsAddress = true
            options[0].isChanged = true
        }
        options[0].record = option.offset
        return nil
    }

    /// - Returns: the place that is wrong.
    private func readStamp(_ packet: Packet, _ option: OptionWalk.Option, _ back: IPv4Address) -> Int? {
        if options[0].stamp != 0 { return option.offset }
        if option.length < 4 { return option.offset &+ 1 }
        let pointer = packet.ip8(option.offset &+ 2)
        if pointer < 5 { return option.offset &+ 2 }
        let flags = packet.ip8(option.offset &+ 3)
        let kind = flags & 15
        if Int(pointer) <= option.length {
            let needed = kind == IPOption.stampsWithAddress || kind == IPOption.stampsOfNamed ? 7 : 3
            if Int(pointer) &+ needed > option.length { return option.offset &+ 2 }
            enterStamp(packet, option, pointer, kind, back)
        } else if kind != IPOption.stampsOfNamed {
            // The count of routers that found no room may be full.
            if flags >> 4 == 15 { return option.offset &+ 3 }
            packet.setIP8(option.offset &+ 3, flags &+ 16)
            options[0].isChanged = true
        }
        options[0].stamp = option.offset
        return nil
    }

    private func enterStamp(_ packet: Packet, _ option: OptionWalk.Option, _ pointer: UInt8, _ kind: UInt8, _ back: IPv4Address) {
        let place = option.offset &+ Int(pointer) &- 1
        switch kind {
        case IPOption.stampsAlone:
            packet.setIP32(place, timeOfDay)
            packet.setIP8(option.offset &+ 2, pointer &+ 4)
        case IPOption.stampsWithAddress:
            packet.setIP32(place, back.rawValue)
            packet.setIP32(place &+ 4, timeOfDay)
            packet.setIP8(option.offset &+ 2, pointer &+ 8)
            options[0].stampNeedsAddress = true
        case IPOption.stampsOfNamed:
            guard isOurs(IPv4Address(rawValue: packet.ip32(place))) else { return }
            packet.setIP32(place &+ 4, timeOfDay)
            packet.setIP8(option.offset &+ 2, pointer &+ 8)
        default: return
        }
        options[0].stampNeedsTime = true
        options[0].isChanged = true
    }

    /// Makes the options what they were.
    func restoreOptions(_ packet: inout Packet) {
        defer { packet.hasReadOptions = false }
        guard hasChangedOptions(packet) else { return }
        // Whoever changed the packet's length has summed it up as it is now.
        let isSummedUp = packet.hasRightHeaderChecksum
        for place in Offset.ipHeader..<packet.headerLength { packet.setIP8(place, options[0].original[place &- Offset.ipHeader]) }
        if isSummedUp { packet.fillHeaderChecksum() }
    }

    // MARK: Behind FORWARD

    /// Enters the address that the packet leaves by where a router's was asked for, and sums the header up.
    @inline(never)
    func completeOptions(_ packet: Packet) {
        guard packet.hasReadOptions else { return }
        if options[0].recordNeedsAddress { setAddress(packet, options[0].record, back: 5, sourceOut(packet)) }
        if options[0].stampNeedsAddress { setAddress(packet, options[0].stamp, back: 9, sourceOut(packet)) }
        if hasChangedOptions(packet) { packet.fillHeaderChecksum() }
        options[0].isChanged = false
    }

    /// Sets the address that an option's pointer has just gone past.
    private func setAddress(_ packet: Packet, _ option: Int, back: Int, _ address: IPv4Address) {
        let place = option &+ Int(packet.ip8(option &+ 2)) &- back
        guard place >= Offset.ipHeader, place &+ 4 <= packet.headerLength else { return }
        packet.setIP32(place, address.rawValue)
    }

    // MARK: In what answers

    /// The options that an error about a packet brings back to its sender, and what is still to be entered into them.
    struct OptionsBack {
        /// In order; whole words.
        fileprivate(set) var bytes = InlineArray<40, UInt8>(repeating: 0)
        fileprivate(set) var count = 0
        fileprivate var record = 0
        fileprivate var stamp = 0
        fileprivate var stampNeedsTime = false
        fileprivate var stampNeedsAddress = false

        /// Takes over an option, which has been found in order; returns where it stands among the bytes, or nil if it is not in order any more.
        fileprivate mutating func take(_ packet: Packet, _ option: Int, atLeast shortest: Int) -> Int? {
            let start = count
            let length = Int(packet.ip8(option &+ 1))
            guard length >= shortest, option &+ length <= packet.headerLength, start &+ length <= 40 else { return nil }
            for place in 0..<length {
                bytes[count] = packet.ip8(option &+ place)
                count &+= 1
            }
            return start
        }
    }

    /// What an error brings back (RFC 1122, 3.2.2.6; __ip_options_echo): record route and time stamps. (A source route, which only a packet
    /// has that is malformed behind it, is left out; so is what copies and the host's own packets have.)
    ///
    /// - Returns: nil if there is half a place left in one of them: then nothing is answered.
    func optionsToBringBack(_ packet: Packet) -> OptionsBack? {
        var echo = OptionsBack()
        guard packet.hasReadOptions else { return echo }
        if options[0].record != 0 {
            guard let start = echo.take(packet, options[0].record, atLeast: 3) else { return nil }
            let (length, pointer) = (Int(echo.bytes[start &+ 1]), Int(echo.bytes[start &+ 2]))
            if options[0].recordNeedsAddress, pointer <= length {
                if pointer < 4 || pointer &+ 3 > length { return nil }
                echo.bytes[start &+ 2] = UInt8(pointer &+ 4)
                echo.record = Offset.ipHeader &+ start
            }
        }
        if options[0].stamp != 0 {
            guard let start = echo.take(packet, options[0].stamp, atLeast: 4) else { return nil }
            let length = Int(echo.bytes[start &+ 1])
            var pointer = Int(echo.bytes[start &+ 2])
            if pointer < 5 { return nil }
            if pointer <= length {
                if options[0].stampNeedsAddress {
                    if pointer &+ 3 > length { return nil }
                    echo.stampNeedsAddress = true
                    pointer &+= 4
                }
                if options[0].stampNeedsTime {
                    if pointer &+ 3 > length { return nil }
                    if echo.bytes[start &+ 3] & 15 != IPOption.stampsOfNamed {
                        echo.stampNeedsTime = true
                        pointer &+= 4
                    } else if pointer &+ 7 <= length {
                        var address: UInt32 = 0
                        for place in 0..<4 { address = address << 8 | UInt32(echo.bytes[start &+ pointer &- 1 &+ place]) }
                        if isOurs(IPv4Address(rawValue: address)) {
                            echo.stampNeedsTime = true
                            pointer &+= 8
                        }
                    }
                }
                echo.bytes[start &+ 2] = UInt8(truncatingIfNeeded: pointer)
            }
            echo.stamp = Offset.ipHeader &+ start
        }
        // Padded by the end option, which is zero.
        echo.count = (echo.count &+ 3) & ~3
        return echo
    }

    /// Puts the options into the header of the answer, which has room for them, with its own source where an address is asked for
    /// (ip_options_build).
    func fill(_ answer: Packet, with echo: OptionsBack) {
        guard echo.count > 0 else { return }
        for place in 0..<echo.count { answer.setIP8(Offset.ipHeader &+ place, echo.bytes[place]) }
        if echo.record != 0 { setAddress(answer, echo.record, back: 5, answer.source) }
        if echo.stampNeedsAddress { setAddress(answer, echo.stamp, back: 9, answer.source) }
        if echo.stampNeedsTime { setAddress(answer, echo.stamp, back: 5, IPv4Address(rawValue: timeOfDay)) }
        answer.fillHeaderChecksum()
    }

    // MARK: Times and addresses

    /// Milliseconds since midnight UTC (RFC 791, 3.1; inet_current_timestamp).
    private var timeOfDay: UInt32 { UInt32(wallClock.nanoseconds(at: now) / 1_000_000 % 86_400_000) }

    /// The router's address on a packet's way out (ip_rt_get_source).
    private func sourceOut(_ packet: Packet) -> IPv4Address {
        let way = routing.lookup(
            RouteQuery(destination: packet.destination, source: packet.source, mark: packet.mark, tos: packet.tos, egress: packet.egress))
        return way.kind == .unicast ? routing.preferredSource(of: way) : routing.ports.selectSource(packet.egress)
    }

    /// The address of ours that the sender of a packet is to see (fib_compute_spec_dst).
    private func sourceBack(_ packet: Packet) -> IPv4Address {
        let way = routing.lookup(RouteQuery(destination: packet.source, tos: packet.tos))
        switch way.kind {
        case .unicast, .local, .broadcast: return routing.preferredSource(of: way)
        default: return routing.ports.selectSource(packet.ingress == .host ? packet.egress : packet.ingress)
        }
    }

    /// Whether an address is the host's or a group's (inet_addr_type is not RTN_UNICAST).
    private func isOurs(_ address: IPv4Address) -> Bool {
        // 0.0.0.0/8 counts as broadcast.
        if address.rawValue >> 24 == 0 { return true }
        return switch routing.lookup(RouteQuery(destination: address)).kind {
        case .local, .broadcast, .multicast: true
        default: false
        }
    }
}
