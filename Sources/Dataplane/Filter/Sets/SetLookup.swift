import Net
import Synchronization

/// What a packet asks a set, and what it takes from it (struct ip_set_adt_opt).
struct SetQuestion {
    /// Bit by dimension: the source's.
    var sources: UInt8
    var dimensions: UInt8
    var flags: SetFlags = []
    var packets = SetCondition.none
    var packetsValue: UInt64 = 0
    var bytes = SetCondition.none
    var bytesValue: UInt64 = 0
    /// Filled in from the element that matched last.
    var mark = SetMark()

    @inline(__always)
    init(sources: UInt8, dimensions: UInt8) {
        self.sources = sources
        self.dimensions = dimensions
    }

    @inline(__always)
    func isSource(_ dimension: UInt8) -> Bool { sources & (1 << dimension) != 0 }
}

/// A condition on a counter.
public enum SetCondition: UInt8, Sendable, Equatable {
    case none, equal, notEqual, less, greater

    @inline(__always)
    func holds(_ counted: UInt64, _ value: UInt64) -> Bool {
        switch self {
        case .none: true
        case .equal: counted == value
        case .notEqual: counted != value
        case .less: counted < value
        case .greater: counted > value
        }
    }
}

public struct SetFlags: OptionSet, Sendable, Equatable {
    public var rawValue: UInt8
    @inline(__always)
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let isNegated = SetFlags(rawValue: 1 << 0)
    /// `--return-nomatch`.
    public static let returnsNomatch = SetFlags(rawValue: 1 << 1)
    /// `! --update-counters`.
    public static let keepsCounters = SetFlags(rawValue: 1 << 2)
    /// `! --update-subcounters`.
    public static let keepsSubcounters = SetFlags(rawValue: 1 << 3)
    /// `--exist`.
    public static let replaces = SetFlags(rawValue: 1 << 4)
    public static let mapsMark = SetFlags(rawValue: 1 << 5)
    public static let mapsPriority = SetFlags(rawValue: 1 << 6)
    public static let mapsQueue = SetFlags(rawValue: 1 << 7)
}

enum SetOutcome { case none, match, nomatch }

extension Packet {
    /// The port, or ICMP type and code, that a set compares; nil if the packet has none to show (ip_set_get_ip4_port in
    /// net/netfilter/ipset/ip_set_getport.c). Protocols without ports have port 0, also in fragments.
    @inline(__always)
    func setPort(isSource: Bool) -> UInt16? {
        let needed: Int
        switch ipProtocol.rawValue {
        case 0: return nil
        case 6: needed = Offset.tcpHeader
        case 132: needed = 12
        case 17, 136: needed = Offset.udpHeader
        // ICMPv6 in IPv4 as well; the kernel does not ask for the family here.
        case 1, 58: needed = Offset.icmpHeader
        default: return 0
        }
        if fragmentOffset != 0 { return ipProtocol.rawValue == 58 ? 0 : nil }
        guard transportLength >= needed else { return nil }
        if needed == Offset.icmpHeader, ipProtocol.rawValue == 1 || ipProtocol.rawValue == 58 {
            return transport16(Offset.icmpType)
        }
        return transport16(isSource ? Offset.sourcePort : Offset.destinationPort)
    }
}

extension SetTable {
    /// The element that a packet stands for in this set; nil if it has none. Networks have their whole address here, and length 32.
    @inline(__always)
    func key(_ packet: Packet, _ question: SetQuestion) -> SetKey? {
        func address(_ dimension: UInt8) -> UInt32 {
            question.isSource(dimension) ? packet.source.rawValue : packet.destination.rawValue
        }
        func port(_ dimension: UInt8) -> UInt32? {
            guard let port = packet.setPort(isSource: question.isSource(dimension)) else { return nil }
            return UInt32(packet.ipProtocol.rawValue) << 16 | UInt32(port)
        }
        switch shape.kind {
        case .address:
            let address = address(0) & shape.mask
            return address == 0 ? nil : SetKey(address)
        case .network: return SetKey(address(0), 32)
        case .addressPort:
            guard let port = port(1), address(0) != 0 else { return nil }
            return SetKey(address(0), port)
        case .networkPort:
            guard let port = port(1) else { return nil }
            return SetKey(address(0), port, 32)
        case .addressPortAddress:
            guard let port = port(1) else { return nil }
            return SetKey(address(0), port, address(2))
        case .addressMap:
            let address = address(0)
            guard address >= shape.first, address <= shape.last else { return nil }
            return SetKey(((address & shape.mask) &- shape.first) >> shape.mapShift)
        case .portMap:
            guard packet.ipProtocol == .tcp || packet.ipProtocol == .udp, let port = port(0) else { return nil }
            let number = port & 0xFFFF
            guard number >= shape.first, number <= shape.last else { return nil }
            return SetKey(number &- shape.first)
        case .list: return nil
        }
    }

    /// Asks a set about a packet (ip_set_test in net/netfilter/ipset/ip_set_core.c). Members of lists are asked in turn.
    @inline(never)
    func test(
        _ packet: Packet, _ question: inout SetQuestion, _ directory: SetDirectory, _ now: UInt64
    ) -> SetOutcome {
        guard question.dimensions >= shape.kind.dimensions else { return .none }
        if shape.kind == .list { return testMembers(packet, &question, directory, now) }
        return testOwn(packet, &question, now)
    }

    private func testMembers(
        _ packet: Packet, _ question: inout SetQuestion, _ directory: SetDirectory, _ now: UInt64
    ) -> SetOutcome {
        // Conditions on counters are about the list's own (list_set_ktest in ip_set_list_set.c).
        var inner = question
        inner.packets = .none
        inner.bytes = .none
        if inner.flags.contains(.keepsSubcounters) { inner.flags.insert(.keepsCounters) }
        var found = false
        forEachMember { entry in
            let slot = UInt16(truncatingIfNeeded: entries.key(of: entry).a)
            guard let member = unsafe directory.table(slot) else { return true }
            guard unsafe member.pointee.shape.kind != .list,
                unsafe inner.dimensions >= member.pointee.shape.kind.dimensions,
                unsafe member.pointee.testOwn(packet, &inner, now) == .match
            else { return true }
            question.mark = inner.mark
            found = accepts(entry, packet, &question, now)
            return !found
        }
        return found ? .match : .none
    }

    private func testOwn(_ packet: Packet, _ question: inout SetQuestion, _ now: UInt64) -> SetOutcome {
        guard let key = key(packet, question) else { return .none }
        var outcome = SetOutcome.none
        if shape.kind.hasNetworks {
            let second = key.b
            outcome = longest(key.a, second, now) { accepts($0, packet, &question, now) }
        } else {
            let entry = find(key, now)
            if entry != 0, accepts(entry, packet, &question, now) { outcome = .match }
            return outcome
        }
        if question.flags.contains(.returnsNomatch) {
            switch outcome {
            case .match: return .nomatch
            case .nomatch: return .match
            case .none: return .none
            }
        }
        return outcome
    }

    /// The longest network that has an address and that `accepts`; the lengths there are, one after the other.
    @inline(__always)
    func longest(_ address: UInt32, _ second: UInt32, _ now: UInt64, _ accepts: (UInt32) -> Bool) -> SetOutcome {
        var left = lengths
        while left != 0 {
            let length = UInt32(63 &- left.leadingZeroBitCount)
            left &= ~(1 << UInt64(length))
            let network = length == 0 ? 0 : address & ~(length >= 32 ? 0 : UInt32.max >> length)
            let key = shape.kind == .network ? SetKey(network, length) : SetKey(network, second, length)
            var isNomatch = false
            let entry = index.find(hash(key)) { entry in
                guard entries.holds(entry, key) else { return false }
                isNomatch = entries.isNomatch(entry)
                return true
            }
            guard entry != 0, !entries.isExpired(entry, now), accepts(entry) else { continue }
            return isNomatch ? .nomatch : .match
        }
        return .none
    }

    /// Counts the packet on an element and says whether the rule's conditions hold of it (ip_set_match_extensions in ip_set_core.c).
    @inline(__always)
    private func accepts(
        _ entry: UInt32, _ packet: Packet, _ question: inout SetQuestion, _ now: UInt64
    ) -> Bool {
        if entries.isExpired(entry, now) { return false }
        if shape.hasCounters {
            if !question.flags.contains(.keepsCounters) {
                entries.counters[entry].bytes.wrappingAdd(UInt64(packet.totalLength), ordering: .relaxed)
                entries.counters[entry].packets.wrappingAdd(1, ordering: .relaxed)
            }
            if question.packets != .none || question.bytes != .none {
                let packets = entries.counters[entry].packets.load(ordering: .relaxed)
                let bytes = entries.counters[entry].bytes.load(ordering: .relaxed)
                guard question.packets.holds(packets, question.packetsValue),
                    question.bytes.holds(bytes, question.bytesValue)
                else { return false }
            }
        }
        if shape.hasMarks { question.mark = entries.mark(of: entry) }
        return true
    }

    // MARK: SET

    /// The element that a packet puts in or takes out: of a set of networks, the network of the longest length there is
    /// (`INIT_CIDR` in ip_set_hash_gen.h).
    private func changedKey(_ packet: Packet, _ question: SetQuestion) -> SetKey? {
        guard var key = key(packet, question) else { return nil }
        if shape.kind.hasNetworks {
            let lengths = self.lengths
            let length = lengths == 0 ? 32 : UInt32(63 &- lengths.leadingZeroBitCount)
            key.a &= length == 0 ? 0 : ~(length >= 32 ? 0 : UInt32.max >> length)
            if shape.kind == .network { key.b = length } else { key.c = length }
        }
        return key
    }

    /// Puts a packet's element into the set; into the first member of a list that takes it.
    /// - Parameter timeout: seconds; nil for the set's own.
    /// - Returns: whether it is in now by this packet.
    func add(
        _ packet: Packet, _ question: SetQuestion, timeout: UInt32?, _ directory: SetDirectory, _ now: UInt64
    ) -> Bool {
        guard question.dimensions >= shape.kind.dimensions else { return false }
        if shape.kind == .list {
            return unsafe anyMember(directory, now) { member in
                unsafe member.pointee.add(packet, question, timeout: timeout, directory, now)
            }
        }
        guard let key = changedKey(packet, question) else { return false }
        var record = SetRecord(key: key)
        // The packet that brings an element is its first (IP_SET_INIT_KEXT in include/linux/netfilter/ipset/ip_set.h).
        record.packets = 1
        record.bytes = UInt64(packet.totalLength)
        // A hash's element keeps its comment when a packet sets it anew, a map's does not (tried).
        record.keepsComment = !shape.kind.isMap
        if let standard = shape.timeout {
            let seconds = UInt64(min(timeout ?? standard, 2_147_483))
            record.expires = seconds == 0 ? 0 : now &+ seconds &* 1_000_000_000
        }
        switch add(record, replaces: question.flags.contains(.replaces), now) {
        case .added, .replaced: return true
        case .exists: return false
        case .full:
            refused.wrappingAdd(1, ordering: .relaxed)
            return false
        }
    }

    /// Takes a packet's element out of the set, or out of the first member of a list that had it.
    func remove(_ packet: Packet, _ question: SetQuestion, _ directory: SetDirectory, _ now: UInt64) -> Bool {
        guard question.dimensions >= shape.kind.dimensions else { return false }
        if shape.kind == .list {
            return unsafe anyMember(directory, now) { member in
                unsafe member.pointee.remove(packet, question, directory, now)
            }
        }
        guard let key = changedKey(packet, question) else { return false }
        return remove(key, now)
    }

    /// Asks a list's members in order, but for those that have expired or are lists, until one does what it is asked.
    @inline(__always)
    private func anyMember(
        _ directory: SetDirectory, _ now: UInt64, _ ask: (UnsafeMutablePointer<SetTable>) -> Bool
    ) -> Bool {
        var done = false
        forEachMember { entry in
            guard !entries.isExpired(entry, now),
                let member = unsafe directory.table(UInt16(truncatingIfNeeded: entries.key(of: entry).a)),
                unsafe member.pointee.shape.kind != .list
            else { return true }
            done = unsafe ask(member)
            return !done
        }
        return done
    }
}
