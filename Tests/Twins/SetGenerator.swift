import Net
import Rules

/// A set that the rules of a case name.
struct RandomSet {
    var name: String
    var type: SetType
    /// `ipset save` text: `create …`, then `add …`.
    var lines: [String]
}

extension RulesetGenerator {
    /// Times are whole hundreds of seconds, longer than any case lasts: nothing expires, and what is left tells what was set.
    private static let timeouts = [100, 500, 3600, 100_000]

    /// A few sets of any type, with all that may be noted of their elements.
    mutating func makeSets() {
        let types = SetType.allCases.filter { $0 != .listSet }
        let count = random.number(1...3)
        for number in 0..<count { sets.append(set("s\(number)", random.pick(types))) }
        if random.chance(35) { sets.append(list("lst")) }
    }

    private mutating func set(_ name: String, _ type: SetType) -> RandomSet {
        var words = ["create", name, type.rawValue]
        // Of whole networks only one address each is kept.
        let kept: UInt8 = type == .hashIP && random.chance(15) ? 24 : 32
        switch type {
        case .bitmapIP: words += ["range", random.pick(["10.0.0.0/24", "198.51.100.0-198.51.100.7", "10.0.0.2-10.0.0.8"])]
        case .bitmapPort: words += ["range", random.pick(["0-1023", "0-65535", "50-120"])]
        default:
            words += ["family", "inet"]
            if kept < 32 { words += ["netmask", String(kept)] }
            // Full soon, so that adding fails.
            if random.chance(10) { words += ["maxelem", "3"] }
        }
        let notes = Notes(random: &random)
        words += notes.headerWords
        var lines = [words.joined(separator: " ")]
        var seen: Set<String> = []
        for _ in 0..<random.number(0...(words.contains("maxelem") ? 2 : 8)) {
            let entry = element(type, keeping: kept, words)
            guard seen.insert(entry).inserted else { continue }
            let mayBeMarked = type.hasNetworks && random.chance(20)
            lines.append("add \(name) \(entry)" + elementNotes(notes) + (mayBeMarked ? " nomatch" : ""))
        }
        return RandomSet(name: name, type: type, lines: lines)
    }

    private mutating func list(_ name: String) -> RandomSet {
        let notes = Notes(random: &random)
        var words = ["create", name, "list:set", "size", "8"]
        words += notes.headerWords
        var lines = [words.joined(separator: " ")]
        for set in random.some(sets, 0...3) { lines.append("add \(name) \(set.name)" + elementNotes(notes)) }
        return RandomSet(name: name, type: .listSet, lines: lines)
    }

    /// What a set notes of its elements.
    private struct Notes {
        var timeout: Int?
        var counts = false
        var comments = false
        var carriesMarks = false

        init(random: inout SeededRandom) {
            if random.chance(30) { timeout = random.chance(30) ? 0 : random.pick(RulesetGenerator.timeouts) }
            counts = random.chance(50)
            comments = random.chance(15)
            carriesMarks = random.chance(25)
        }

        var headerWords: [String] {
            var words: [String] = []
            if let timeout { words += ["timeout", String(timeout)] }
            if counts { words.append("counters") }
            if comments { words.append("comment") }
            if carriesMarks { words.append("skbinfo") }
            return words
        }
    }

    private mutating func elementNotes(_ notes: Notes) -> String {
        var words: [String] = []
        if notes.timeout != nil, random.chance(40) { words += ["timeout", String(random.chance(20) ? 0 : random.pick(Self.timeouts))] }
        if notes.counts, random.chance(40) {
            words += ["packets", String(random.number(0...3)), "bytes", String(random.pick([0, 40, 100, 1000]))]
        }
        if notes.comments, random.chance(50) { words += ["comment", "\"some words\""] }
        if notes.carriesMarks {
            if random.chance(70) { words += ["skbmark", maskedMark()] }
            if random.chance(30) { words += ["skbprio", "1:\(random.number(1...9))"] }
            if random.chance(20) { words += ["skbqueue", String(random.number(1...3))] }
        }
        return words.map { " " + $0 }.joined()
    }

    // MARK: Elements

    private mutating func element(_ type: SetType, keeping kept: UInt8, _ header: [String]) -> String {
        switch type {
        case .hashIP: return "\(network(kept).address)"
        case .hashNet: return network()
        case .hashIPPort: return "\(random.pick(Pool.everywhere)),\(protocolPort())"
        case .hashNetPort: return "\(network()),\(protocolPort())"
        case .hashIPPortIP: return "\(random.pick(Pool.everywhere)),\(protocolPort()),\(random.pick(Pool.everywhere))"
        case .bitmapIP:
            return header.contains { $0.hasPrefix("198") } ? "198.51.100.\(random.number(0...7))" : "10.0.0.\(random.number(2...8))"
        case .bitmapPort: return String(random.pick(header.contains("50-120") ? [53, 80, 113] : [22, 53, 80, 113, 600, 1000]))
        case .listSet: return sets.isEmpty ? "none" : random.pick(sets).name
        }
    }

    private mutating func network() -> String {
        let prefix = network(UInt8(random.pick([8, 16, 24, 28, 30, 31, 32, 32])))
        return prefix.length == 32 ? "\(prefix.address)" : "\(prefix)"
    }

    private mutating func network(_ length: UInt8) -> IPv4Prefix {
        let bits = random.pick(Pool.everywhere).rawValue & (UInt32.max << (32 - UInt32(length)))
        return IPv4Prefix(IPv4Address(rawValue: bits), length)
    }

    private mutating func protocolPort() -> String {
        switch random.number(1...10) {
        case 1...4: "tcp:\(random.pick(Pool.ports))"
        case 5...7: "udp:\(random.pick(Pool.ports))"
        case 8: "icmp:" + random.pick(["echo-request", "echo-reply", "port-unreachable"])
        case 9: "sctp:\(random.pick(Pool.services))"
        default: "gre:0"
        }
    }

    // MARK: Rules and commands

    private mutating func reference(_ set: RandomSet) -> [String] {
        // A member of a list may have more parts than the list.
        let wanted = set.type == .listSet ? random.number(1...3) : set.type.dimensions
        let count = random.chance(92) ? wanted : random.number(1...4)
        return [set.name, (0..<count).map { _ in random.pick(["src", "dst"]) }.joined(separator: ",")]
    }

    mutating func setMatch() -> [String] {
        guard !sets.isEmpty else { return [] }
        var words = negatable(25) + ["--match-set"] + reference(random.pick(sets))
        if random.chance(15) { words.append("--return-nomatch") }
        if random.chance(15) { words += ["!", "--update-counters"] }
        if random.chance(15) { words += ["!", "--update-subcounters"] }
        if random.chance(20) { words += random.pick([["--packets-eq"], ["!", "--packets-eq"], ["--packets-lt"], ["--packets-gt"]]) + [String(random.number(0...4))] }
        if random.chance(10) { words += random.pick([["--bytes-eq"], ["!", "--bytes-eq"], ["--bytes-lt"], ["--bytes-gt"]]) + [String(random.pick([0, 40, 100, 500]))] }
        return words
    }

    mutating func setTarget(table: TableName) -> [String] {
        guard !sets.isEmpty else { return [] }
        var words: [String] = []
        if random.chance(60) {
            words += ["--add-set"] + reference(random.pick(sets))
            if random.chance(40) { words.append("--exist") }
            if random.chance(40) { words += ["--timeout", String(random.pick(Self.timeouts))] }
        }
        if random.chance(25) || words.isEmpty && table != .mangle { words += ["--del-set"] + reference(random.pick(sets)) }
        if table == .mangle, random.chance(40) || words.isEmpty {
            words += ["--map-set"] + reference(random.pick(sets)) + random.some(["--map-mark", "--map-prio", "--map-queue"], 1...2)
        }
        return words
    }

    /// A command of ipset's while packets pass; it may fail.
    mutating func setCommand() -> [String] {
        let set = random.pick(sets)
        let text = set.lines[0].split(separator: " ").map(String.init)
        let kept: UInt8 = text.firstIndex(of: "netmask").flatMap { UInt8(text[$0 + 1]) } ?? 32
        let entry = element(set.type, keeping: kept, text)
        switch random.number(1...10) {
        case 1...4:
            // What an element of a map had counted before it was taken out comes back with it in the kernel, unless it is said anew.
            let counts = set.type.rawValue.hasPrefix("bitmap") && text.contains("counters") ? ["packets", "2", "bytes", "80"] : []
            return ["add", set.name, entry] + counts + (text.contains("timeout") && random.chance(50) ? ["timeout", String(random.pick(Self.timeouts))] : [])
                + (random.chance(50) ? ["-exist"] : [])
        case 5...7: return ["del", set.name, entry] + (random.chance(50) ? ["-exist"] : [])
        case 8: return ["test", set.name, entry]
        case 9: return ["flush", set.name]
        default:
            let other = random.pick(sets)
            return ["swap", set.name, other.name]
        }
    }
}
