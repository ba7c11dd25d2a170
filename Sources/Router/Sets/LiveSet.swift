import Dataplane
import Net
import Rules

/// A set as the daemon holds it: what text has of it, and its elements in the memory that workers look into. Comments stay here; an
/// element in that memory has the number of its own.
final class LiveSet {
    let header: SetHeader
    var type: SetType { header.type }
    var options: SetOptions { header.options }
    let shape: SetShape
    private(set) var memory: SetMemory
    /// Of a list: what is in it, in order; the keys are slots.
    var members: [SetRecord] = []
    private var comments: [UInt32: String] = [:]
    private var nextComment: UInt32 = 1

    init(_ header: SetHeader, expecting elements: Int = 0) {
        var header = header
        if header.type.isHash, header.options.initialValue == nil { header.options.initialValue = .random(in: .min ... .max) }
        self.header = header
        shape = SetShape(header.type, header.options)
        memory = SetMemory(shape, key: .random(in: .min ... .max), expecting: elements)
    }

    /// Puts empty memory in place.
    /// - Returns: the one before, for as long as workers may look into it, and to be put back.
    func empty() -> Contents {
        defer {
            memory = SetMemory(shape, key: .random(in: .min ... .max))
            members = []
            comments = [:]
        }
        return Contents(memory: memory, members: members, comments: comments)
    }

    struct Contents {
        var memory: SetMemory
        var members: [SetRecord]
        var comments: [UInt32: String]
    }

    func put(_ contents: Contents) {
        memory = contents.memory
        members = contents.members
        comments = contents.comments
    }

    /// All that is in the set at a moment, apart from the set's own memory.
    struct Copy {
        var records: [SetRecord]
        var comments: [UInt32: String]
        var nextComment: UInt32
    }

    func copy(at now: UInt64) -> Copy {
        var records: [SetRecord] = []
        memory.forEach(at: now) { records.append($0) }
        return Copy(records: records, comments: comments, nextComment: nextComment)
    }

    /// Another set that is made as this one and has in it what was copied.
    func restored(_ copy: Copy, at now: UInt64, retire: @escaping (@escaping @Sendable () -> Void) -> Void) -> LiveSet {
        let set = LiveSet(header, expecting: copy.records.count)
        set.comments = copy.comments
        set.nextComment = copy.nextComment
        if type == .listSet {
            set.memory.setMembers(copy.records, retire: retire)
            set.members = copy.records.map { record in
                var member = record
                // What packets count meanwhile must not be set back.
                member.packets = nil
                member.bytes = nil
                return member
            }
        } else {
            for record in copy.records { _ = set.memory.add(record, replaces: true, at: now) }
        }
        return set
    }

    // MARK: Text and memory

    /// Whether a set made so would be the same (`same_set` of the kernel's set types): what it may hold, not how it is laid out.
    func isMade(_ wanted: SetHeader) -> Bool {
        let other = wanted.options
        return type == wanted.type && options.maxElements == other.maxElements && options.netmask == other.netmask
            && options.timeout == other.timeout && options.hasCounters == other.hasCounters
            && options.hasComments == other.hasComments && options.hasMarks == other.hasMarks
            && options.forcesAdd == other.forcesAdd && options.addresses == other.addresses
            && options.ports == other.ports && options.listSize == other.listSize
    }

    /// The number of a comment, kept until no element has it; 0 for none.
    func number(_ comment: String?, at now: UInt64) -> UInt32 {
        guard let comment, !comment.isEmpty else { return 0 }
        if comments.count > 2 * memory.count + 1024 { forgetComments(at: now) }
        defer { nextComment = nextComment == .max ? 1 : nextComment + 1 }
        comments[nextComment] = comment
        return nextComment
    }

    private func forgetComments(at now: UInt64) {
        var kept: [UInt32: String] = [:]
        memory.forEach(at: now) { if $0.comment != 0 { kept[$0.comment] = comments[$0.comment] } }
        comments = kept
    }

    /// What a command notes of an element, as memory has it.
    func record(_ key: SetKey, _ notes: SetNotes, at now: UInt64) -> SetRecord {
        var record = SetRecord(key: key)
        record.isNomatch = notes.isNomatch
        if let seconds = notes.timeout ?? options.timeout, options.timeout != nil {
            record.expires = Self.moment(seconds, after: now)
        }
        record.packets = notes.packets
        record.bytes = notes.bytes
        if let marks = notes.marks {
            record.mark = SetMark(
                mark: marks.mark?.value ?? 0, mask: marks.mark?.mask ?? 0, priority: marks.priority ?? 0,
                queue: marks.queue ?? 0)
        }
        record.comment = number(notes.comment, at: now)
        return record
    }

    static func moment(_ seconds: UInt32, after now: UInt64) -> UInt64 {
        seconds == 0 ? 0 : now &+ UInt64(seconds) * 1_000_000_000
    }

    /// An element as text has it.
    func element(_ record: SetRecord, at now: UInt64, name: (UInt16) -> String) -> SetElement {
        var element = SetElement(entry(of: record.key, name), isNomatch: record.isNomatch)
        if options.timeout != nil {
            // Of a part of a second a whole one is shown: 0 would say for ever.
            element.timeout =
                record.expires == 0
                ? 0 : UInt32(clamping: max((record.expires > now ? record.expires - now : 0) / 1_000_000_000, 1))
        }
        if options.hasCounters { element.counters = RuleCounters(packets: record.packets ?? 0, bytes: record.bytes ?? 0) }
        if record.comment != 0 { element.comment = comments[record.comment] }
        if options.hasMarks, record.mark != SetMark() {
            let mark = record.mark
            element.marks = SetMarks(
                mark: mark.mark != 0 || mark.mask != 0 ? MaskedValue(mark.mark, mask: mark.mask) : nil,
                priority: mark.priority != 0 ? mark.priority : nil, queue: mark.queue != 0 ? mark.queue : nil)
        }
        return element
    }

    private func entry(of key: SetKey, _ name: (UInt16) -> String) -> SetEntry {
        let address = IPv4Address(rawValue: key.a)
        let port = ProtocolPort(IPProtocol(rawValue: UInt8(truncatingIfNeeded: key.b >> 16)), UInt16(truncatingIfNeeded: key.b))
        switch type {
        case .hashIP: return .address(address)
        case .hashNet: return .network(IPv4Prefix(address, UInt8(min(key.b, 32))))
        case .hashIPPort: return .addressPort(address, port)
        case .hashNetPort: return .networkPort(IPv4Prefix(address, UInt8(min(key.c, 32))), port)
        case .hashIPPortIP: return .addressPortAddress(address, port, IPv4Address(rawValue: key.c))
        case .bitmapIP:
            return .address(IPv4Address(rawValue: shape.first &+ key.a << UInt32(32 - Int(shape.netmask))))
        case .bitmapPort: return .port(UInt16(truncatingIfNeeded: shape.first + key.a))
        case .listSet: return .set(name(UInt16(truncatingIfNeeded: key.a)))
        }
    }

    /// The element's words in memory; nil for the name of a set that does not exist.
    func key(of entry: SetEntry, slot: (String) -> UInt16?) -> SetKey? {
        func word(_ port: ProtocolPort) -> UInt32 { UInt32(port.ipProtocol.rawValue) << 16 | UInt32(port.port) }
        switch entry {
        case .address(let address):
            guard type == .bitmapIP else { return SetKey(address.rawValue & shape.mask32) }
            return SetKey(((address.rawValue & shape.mask32) &- shape.first) >> UInt32(32 - Int(shape.netmask)))
        case .network(let prefix): return SetKey(prefix.address.rawValue, UInt32(prefix.length))
        case .addressPort(let address, let port): return SetKey(address.rawValue, word(port))
        case .networkPort(let prefix, let port):
            return SetKey(prefix.address.rawValue, word(port), UInt32(prefix.length))
        case .addressPortAddress(let address, let port, let other):
            return SetKey(address.rawValue, word(port), other.rawValue)
        case .port(let port): return SetKey(UInt32(port) &- shape.first)
        case .set(let name): return slot(name).map { SetKey(UInt32($0)) }
        }
    }
}

extension SetShape {
    fileprivate var mask32: UInt32 { IPv4Prefix.mask(length: netmask) }

    init(_ type: SetType, _ options: SetOptions) {
        let kind: SetKind =
            switch type {
            case .hashIP: .address
            case .hashNet: .network
            case .hashIPPort: .addressPort
            case .hashNetPort: .networkPort
            case .hashIPPortIP: .addressPortAddress
            case .bitmapIP: .addressMap
            case .bitmapPort: .portMap
            case .listSet: .list
            }
        self.init(kind: kind, capacity: type == .listSet ? Int(options.listSize) : Int(options.maxElements))
        netmask = options.netmask ?? 32
        if type == .bitmapIP {
            first = options.addresses.lowerBound.rawValue & mask32
            last = options.addresses.upperBound.rawValue
        }
        if type == .bitmapPort {
            first = UInt32(options.ports.lowerBound)
            last = UInt32(options.ports.upperBound)
        }
        timeout = options.timeout
        hasCounters = options.hasCounters
        hasMarks = options.hasMarks
        hasComments = options.hasComments
        forcesAdd = options.forcesAdd
    }
}
