import Net

// What a router makes of IP options (RFC 791, 3.1; net/ipv4/ip_options.c). They are read behind PREROUTING, when it is settled where the
// packet goes (ip_rcv_finish_core), and filled in behind FORWARD (ip_forward_options). What is for the host goes there as it is: the
// host fills them in itself.

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

extension Packet {
    /// Walks the options as the kernel does (__ip_options_compile).
    func examineOptions() -> IPOptionsFault? {
        var options = ipOptions
        var hasRecord = false
        var hasStamp = false
        var isSourceRouted = false
        while let option = options.next() {
            let start = option.offset
            /// Points to the next free place, counted from 1.
            func pointer() -> Int { Int(ip8(start &+ 2)) }
            switch option.kind {
            case IPOption.looseSourceRoute, IPOption.strictSourceRoute:
                if option.length < 3 { return .malformed(at: start &+ 1) }
                if pointer() < 4 { return .malformed(at: start &+ 2) }
                if isSourceRouted { return .malformed(at: start) }
                isSourceRouted = true
            case IPOption.recordRoute:
                if hasRecord { return .malformed(at: start) }
                if option.length < 3 { return .malformed(at: start &+ 1) }
                if pointer() < 4 { return .malformed(at: start &+ 2) }
                if pointer() <= option.length, pointer() &+ 3 > option.length { return .malformed(at: start &+ 2) }
                hasRecord = true
            case IPOption.timestamp:
                if hasStamp { return .malformed(at: start) }
                if option.length < 4 { return .malformed(at: start &+ 1) }
                if pointer() < 5 { return .malformed(at: start &+ 2) }
                let kind = ip8(start &+ 3) & 15
                if pointer() <= option.length {
                    let needed = kind == IPOption.stampsWithAddress || kind == IPOption.stampsOfNamed ? 7 : 3
                    if pointer() &+ needed > option.length { return .malformed(at: start &+ 2) }
                } else if kind != IPOption.stampsOfNamed, ip8(start &+ 3) >> 4 == 15 {
                    // The count of routers that found no room is full.
                    return .malformed(at: start &+ 3)
                }
                hasStamp = true
            case IPOption.routerAlert:
                if option.length < 4 { return .malformed(at: start &+ 1) }
            default: break
            }
        }
        if options.isMalformed { return .malformed(at: options.offset) }
        return isSourceRouted ? .sourceRoute : nil
    }
}

extension Worker {
    /// Enters into a packet's options what a router is asked for: the address it leaves by, and the time. They have been examined.
    @inline(never)
    func fillOptions(_ packet: Packet) {
        var options = packet.ipOptions
        while let option = options.next() {
            switch option.kind {
            case IPOption.recordRoute: record(packet, option)
            case IPOption.timestamp: stamp(packet, option)
            default: break
            }
        }
        // What is behind the end is cleared.
        for rest in options.offset..<packet.headerLength { packet.setIP8(rest, TCPOption.end) }
        packet.fillHeaderChecksum()
    }

    private func record(_ packet: Packet, _ option: OptionWalk.Option) {
        let pointer = packet.ip8(option.offset &+ 2)
        guard Int(pointer) <= option.length else { return }
        packet.setIP32(option.offset &+ Int(pointer) &- 1, sourceOut(packet).rawValue)
        packet.setIP8(option.offset &+ 2, pointer &+ 4)
    }

    private func stamp(_ packet: Packet, _ option: OptionWalk.Option) {
        let pointer = packet.ip8(option.offset &+ 2)
        let flags = packet.ip8(option.offset &+ 3)
        guard Int(pointer) <= option.length else {
            if flags & 15 != IPOption.stampsOfNamed { packet.setIP8(option.offset &+ 3, flags &+ 16) }
            return
        }
        let place = option.offset &+ Int(pointer) &- 1
        switch flags & 15 {
        case IPOption.stampsAlone:
            packet.setIP32(place, timeOfDay)
            packet.setIP8(option.offset &+ 2, pointer &+ 4)
        case IPOption.stampsWithAddress:
            packet.setIP32(place, sourceOut(packet).rawValue)
            packet.setIP32(place &+ 4, timeOfDay)
            packet.setIP8(option.offset &+ 2, pointer &+ 8)
        case IPOption.stampsOfNamed:
            guard isOurs(IPv4Address(rawValue: packet.ip32(place))) else { return }
            packet.setIP32(place &+ 4, timeOfDay)
            packet.setIP8(option.offset &+ 2, pointer &+ 8)
        default: break
        }
    }

    /// Milliseconds since midnight UTC (RFC 791, 3.1; inet_current_timestamp).
    private var timeOfDay: UInt32 { UInt32(wallClock.nanoseconds(at: now) / 1_000_000 % 86_400_000) }

    /// The address that a packet of our own would leave by (ip_rt_get_source).
    private func sourceOut(_ packet: Packet) -> IPv4Address {
        routing.preferredSource(of: routing.lookup(RouteQuery(destination: packet.destination, mark: packet.mark, tos: packet.tos)))
    }

    /// Whether an address is the host's or a group's (inet_addr_type is not RTN_UNICAST).
    private func isOurs(_ address: IPv4Address) -> Bool {
        switch routing.lookup(RouteQuery(destination: address)).kind {
        case .local, .broadcast, .multicast: true
        default: false
        }
    }
}
