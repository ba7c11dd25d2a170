import Net

// Classic BPF (bpf(4); the kernel's own reading of it stands in net/core/filter.c) over a packet whose first byte is the IP
// header's, as `-m bpf` runs it (net/netfilter/xt_bpf.c).
//
// An instruction is two of the rules' words: code | jump if true << 16 | jump if false << 24, and the operand. Programs are
// checked when rules are read: they jump forward only and within themselves, end in a return, use sixteen cells of memory, and
// read none that was not written. So they end, and nothing here can fail but a load outside the packet or a division by zero,
// both of which return 0.

/// The codes of instructions.
private enum Code {
    static let classMask: UInt16 = 0x07
    static let load: UInt16 = 0x00
    static let loadX: UInt16 = 0x01
    static let store: UInt16 = 0x02
    static let storeX: UInt16 = 0x03
    static let arithmetic: UInt16 = 0x04
    static let jump: UInt16 = 0x05
    static let `return`: UInt16 = 0x06

    /// Operand: the instruction's, or X.
    static let usesX: UInt16 = 0x08
    static let returnsA: UInt16 = 0x10
    static let toA: UInt16 = 0x80

    static let modeMask: UInt16 = 0xE0
    static let immediate: UInt16 = 0x00
    static let absolute: UInt16 = 0x20
    static let indirect: UInt16 = 0x40
    static let memory: UInt16 = 0x60
    static let length: UInt16 = 0x80
    static let headerLength: UInt16 = 0xA0

    static let sizeMask: UInt16 = 0x18
    static let half: UInt16 = 0x08
    static let byte: UInt16 = 0x10
}

/// What is known beside a packet's bytes: loads from these places (SKF_AD_OFF in linux/filter.h).
private enum Ancillary {
    static let base: UInt32 = 0xFFFF_F000
    static let ipProtocol: UInt32 = 0
    static let packetType: UInt32 = 4
    static let interface: UInt32 = 8
    static let mark: UInt32 = 20
    static let hardwareType: UInt32 = 28
    static let xorX: UInt32 = 40
    static let vlanTag: UInt32 = 44
    static let vlanTagPresent: UInt32 = 48
    static let payloadOffset: UInt32 = 52
    static let random: UInt32 = 56
    static let vlanProtocol: UInt32 = 60
}

extension Worker {
    /// The program's result; other than 0 it is a match.
    mutating func run(
        program first: UInt32, _ count: UInt32, _ packet: Packet, _ hook: Hook
    ) -> UInt32 {
        let words = snapshot.rules.words
        var memory = InlineArray<16, UInt32>(repeating: 0)
        var a: UInt32 = 0
        var x: UInt32 = 0
        var at: UInt32 = 0
        while at < count {
            let word = words[first &+ 2 &* at]
            let operand = words[first &+ 2 &* at &+ 1]
            let code = UInt16(truncatingIfNeeded: word)
            at &+= 1
            switch code & Code.classMask {
            case Code.load:
                switch code & Code.modeMask {
                case Code.immediate: a = operand
                case Code.memory: a = memory[Int(operand & 15)]
                case Code.length: a = UInt32(truncatingIfNeeded: packet.totalLength)
                case Code.absolute where operand >= Ancillary.base:
                    guard ancillary(operand &- Ancillary.base, packet, hook, &a, x) else { return a }
                case Code.absolute:
                    guard let value = packet.load(operand, code & Code.sizeMask) else { return 0 }
                    a = value
                default:
                    guard let value = packet.load(x &+ operand, code & Code.sizeMask) else { return 0 }
                    a = value
                }
            case Code.loadX:
                switch code & Code.modeMask {
                case Code.immediate: x = operand
                case Code.memory: x = memory[Int(operand & 15)]
                case Code.length: x = UInt32(truncatingIfNeeded: packet.totalLength)
                default:
                    // The length of an IP header whose first byte is there.
                    guard let value = packet.load(operand, Code.byte) else { return 0 }
                    x = (value & 0x0F) &* 4
                }
            case Code.store: memory[Int(operand & 15)] = a
            case Code.storeX: memory[Int(operand & 15)] = x
            case Code.arithmetic:
                guard let value = Self.arithmetic(code, a, code & Code.usesX != 0 ? x : operand) else { return 0 }
                a = value
            case Code.jump:
                if code & 0xF0 == 0 {
                    at &+= operand
                } else {
                    let isTrue = Self.compare(code, a, code & Code.usesX != 0 ? x : operand)
                    at &+= isTrue ? word >> 16 & 0xFF : word >> 24
                }
            case Code.return: return code & 0x18 == Code.returnsA ? a : operand
            default:
                if code & 0xF8 == Code.toA { a = x } else { x = a }
            }
        }
        return 0
    }

    /// nil where it divides by zero.
    @inline(__always)
    private static func arithmetic(_ code: UInt16, _ a: UInt32, _ b: UInt32) -> UInt32? {
        switch code & 0xF0 {
        case 0x00: a &+ b
        case 0x10: a &- b
        case 0x20: a &* b
        case 0x30: b == 0 ? nil : a / b
        case 0x40: a | b
        case 0x50: a & b
        case 0x60: a &<< b
        case 0x70: a &>> b
        case 0x80: 0 &- a
        case 0x90: b == 0 ? nil : a % b
        default: a ^ b
        }
    }

    @inline(__always)
    private static func compare(_ code: UInt16, _ a: UInt32, _ b: UInt32) -> Bool {
        switch code & 0xF0 {
        case 0x10: a == b
        case 0x20: a > b
        case 0x30: a >= b
        default: a & b != 0
        }
    }

    /// - Returns: false where the program ends, with what A holds: a packet that has no interface is asked for it.
    private mutating func ancillary(
        _ what: UInt32, _ packet: Packet, _ hook: Hook, _ a: inout UInt32, _ x: UInt32
    ) -> Bool {
        switch what {
        case Ancillary.ipProtocol: a = UInt32(Packet.etherTypeIPv4)
        case Ancillary.packetType:
            a = UInt32(packet.linkCast.rawValue)
        case Ancillary.interface:
            guard let port = packet.device(at: hook) else { return false }
            a = UInt32(bitPattern: routing.ports.link(port).rawValue)
        case Ancillary.hardwareType:
            guard packet.device(at: hook) != nil else { return false }
            // ARPHRD_ETHER: ports are nothing else.
            a = 1
        case Ancillary.mark: a = packet.mark
        case Ancillary.xorX: a ^= x
        case Ancillary.vlanTag: a = packet.vlanWord(2)
        case Ancillary.vlanTagPresent: a = packet.linkLength > Offset.ethernetHeader ? 1 : 0
        case Ancillary.vlanProtocol: a = packet.vlanWord(0)
        case Ancillary.payloadOffset: a = packet.payloadOffset
        case Ancillary.random: a = UInt32(truncatingIfNeeded: random.next())
        default: a = 0
        }
        return true
    }
}

extension Packet {
    /// The device that the kernel's packet would point to: where it came in until it is on its way out. What the host sends has none
    /// before POSTROUTING.
    fileprivate func device(at hook: Hook) -> PortIndex? {
        if hook == .postrouting { return egress }
        return ingress == .host ? nil : ingress
    }

    /// A word of the outermost VLAN tag; 0 without one.
    fileprivate func vlanWord(_ offset: Int) -> UInt32 {
        guard linkLength > Offset.ethernetHeader else { return 0 }
        return UInt32(
            UInt16(bigEndian: unsafe base.loadUnaligned(fromByteOffset: Offset.etherType + offset, as: UInt16.self)))
    }

    /// Reads a byte, half a word or a word at an offset from the IP header; nil outside the packet. Offsets from SKF_NET_OFF on count
    /// from there as well, those from SKF_LL_OFF on from an Ethernet header without tags, which what the host sends has not
    /// yet.
    fileprivate func load(_ offset: UInt32, _ size: UInt16) -> UInt32? {
        let networkBase = -0x10_0000
        let linkBase = -0x20_0000
        var place = Int(Int32(bitPattern: offset))
        if place < 0 {
            if place >= networkBase {
                place -= networkBase
            } else {
                guard place >= linkBase, ingress != .host else { return nil }
                place -= linkBase + Offset.ethernetHeader
            }
        }
        let count = size == Code.byte ? 1 : size == Code.half ? 2 : 4
        guard place >= -Offset.ethernetHeader, place <= totalLength - count else { return nil }
        var value: UInt32 = 0
        for index in place..<(place + count) { value = value << 8 | UInt32(byte(beside: index)) }
        return value
    }

    /// A byte of the packet, or of the fourteen in front of it as they would lie without VLAN tags.
    private func byte(beside index: Int) -> UInt8 {
        if index >= 0 { return ip8(index) }
        // The addresses stand in front of the tags, the type behind them.
        let place = index < -2 ? index + Offset.ethernetHeader : linkLength + index
        return unsafe base.load(fromByteOffset: place, as: UInt8.self)
    }

    /// Where the payload of a packet begins, counted from the IP header (__skb_get_poff in net/core/flow_dissector.c). Tunnels are not
    /// looked into.
    fileprivate var payloadOffset: UInt32 {
        guard fragmentOffset == 0 else { return UInt32(truncatingIfNeeded: headerLength) }
        let header: Int
        switch ipProtocol {
        case .tcp:
            guard transportLength > Offset.tcpDataOffset else { return UInt32(truncatingIfNeeded: headerLength) }
            header = max(Offset.tcpHeader, tcpHeaderLength)
        case .udp, .udpLite, .icmp, .igmp: header = 8
        case .sctp, .dccp: header = 12
        default: header = 0
        }
        return UInt32(truncatingIfNeeded: headerLength + header)
    }
}
