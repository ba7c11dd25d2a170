import Net

extension SetCollection {
    /// The text `ipset save` prints. Lists come last, as they need the sets they hold.
    /// - Parameter name: this set alone.
    public func saved(only name: String? = nil) -> String {
        let selected = sets.filter { name == nil || $0.name == name }
        var text = ""
        for set in selected where set.type != .listSet { set.save(to: &text) }
        for set in selected where set.type == .listSet { set.save(to: &text) }
        return text
    }
}

extension IPSet {
    func save(to text: inout String) {
        text += "create \(name) \(type.rawValue) \(header)\n"
        for element in elements { text += "add \(name) \(element)\n" }
    }

    /// Options as `create` takes them.
    public var header: String {
        var words: [String] = []
        switch type {
        case .bitmapIP: words = ["range", "\(options.addresses.lowerBound)-\(options.addresses.upperBound)"]
        case .bitmapPort: words = ["range", "\(options.ports.lowerBound)-\(options.ports.upperBound)"]
        case .listSet: words = ["size", String(options.listSize)]
        default:
            words = ["family", "inet", "hashsize", String(options.hashSize), "maxelem", String(options.maxElements)]
        }
        if let netmask = options.netmask { words += ["netmask", String(netmask)] }
        if let timeout = options.timeout { words += ["timeout", String(timeout)] }
        if options.hasCounters { words.append("counters") }
        if options.hasComments { words.append("comment") }
        if options.hasMarks { words.append("skbinfo") }
        if options.forcesAdd { words.append("forceadd") }
        if type.isHash {
            words += ["bucketsize", String(options.bucketSize)]
            if let value = options.initialValue { words += ["initval", Number.hexadecimal(value, digits: 8)] }
        }
        return words.joined(separator: " ")
    }
}

extension SetElement: CustomStringConvertible {
    /// As `add` takes it, after the set's name.
    public var description: String {
        var text = entry.description
        if let timeout { text += " timeout \(timeout)" }
        if isNomatch { text += " nomatch" }
        if let counters { text += " packets \(counters.packets) bytes \(counters.bytes)" }
        if let comment { text += " comment \"\(comment)\"" }
        if let marks {
            if let mark = marks.mark { text += " skbmark \(mark)" }
            if let priority = marks.priority {
                text += " skbprio \(String(priority >> 16, radix: 16)):\(String(priority & 0xFFFF, radix: 16))"
            }
            if let queue = marks.queue { text += " skbqueue \(queue)" }
        }
        return text
    }
}
