import Dataplane
import Rules

extension SetBook {
    /// What `ipset list`, `save` and their like say, in pieces of some ten kilobytes.
    ///
    /// - Parameter give: gets each piece; the book must not change meanwhile.
    func list(_ name: String?, _ form: SetListForm, at now: UInt64, _ give: (String) throws -> Void) rethrows {
        var text = ""
        func add(_ more: String) throws {
            text += more
            if text.utf8.count > 1 << 15 {
                try give(text)
                text = ""
            }
        }
        var isFirst = true
        if form == .xml { try add("<ipsets>\n") }
        for (slot, place) in inOrder where name == nil || place.name == name {
            let set = place.set
            let header = set.header.text
            // Collected first: a chain stays locked while it is visited.
            var records: [SetRecord] = []
            if form != .names { set.memory.forEach(at: now) { records.append($0) } }
            switch form {
            case .names: try add(place.name + "\n")
            case .save:
                try add("create \(place.name) \(set.type.rawValue) \(header)\n")
                for record in records {
                    try add("add \(place.name) \(set.element(record, at: now) { self.name($0) })\n")
                }
            case .plain, .terse:
                if !isFirst { try add("\n") }
                try add(
                    """
                    Name: \(place.name)
                    Type: \(set.type.rawValue)
                    Revision: \(set.type.revision)
                    Header: \(header)
                    Size in memory: \(set.memory.byteCount)
                    References: \(references(slot))
                    Number of entries: \(records.count)

                    """)
                if form == .plain {
                    try add("Members:\n")
                    for record in records { try add("\(set.element(record, at: now) { self.name($0) })\n") }
                }
            case .xml: try add(xml(place, header, records, references(slot), at: now))
            }
            isFirst = false
        }
        if form == .xml { try add("</ipsets>\n") }
        if !text.isEmpty { try give(text) }
    }

    private func references(_ slot: UInt16) -> Int {
        (places[slot]?.references ?? 0) + (places[slot]?.listings ?? 0)
    }

    /// As `ipset list -o xml` has it.
    private func xml(
        _ place: Place, _ header: String, _ records: [SetRecord], _ references: Int, at now: UInt64
    ) -> String {
        let set = place.set
        var text =
            "<ipset name=\"\(place.name.escapedForXML)\">\n<type>\(set.type.rawValue)</type>\n<revision>\(set.type.revision)</revision>\n<header>"
        let flags: Set<String> = ["counters", "comment", "skbinfo", "forceadd"]
        var words = header.split(separator: " ").map(String.init)[...]
        while let word = words.popFirst() {
            text += flags.contains(word) ? "<\(word)/>" : "<\(word)>\(words.popFirst() ?? "")</\(word)>"
        }
        text += "\n<memsize>\(set.memory.byteCount)</memsize>\n<references>\(references)</references>\n"
        text += "<numentries>\(records.count)</numentries>\n</header>\n<members>\n"
        for record in records {
            let element = set.element(record, at: now) { self.name($0) }
            text += "<member><elem>\(element.entry.description.escapedForXML)</elem>"
            if let timeout = element.timeout { text += "<timeout>\(timeout)</timeout>" }
            if element.isNomatch { text += "<nomatch/>" }
            if let counters = element.counters {
                text += "<packets>\(counters.packets)</packets><bytes>\(counters.bytes)</bytes>"
            }
            if let comment = element.comment { text += "<comment>\"\(comment.escapedForXML)\"</comment>" }
            text += "</member>\n"
        }
        return text + "</members>\n</ipset>\n"
    }
}

/// Ways in which sets are listed.
enum SetListForm: Sendable {
    case plain, terse, names, save, xml
}

extension SetType {
    /// The revision that Linux 6.18 has of the type, for which ipset 7.17 shows it.
    var revision: Int {
        switch self {
        case .hashIP: 6
        case .hashNet: 7
        case .hashIPPort: 7
        case .hashNetPort: 8
        case .hashIPPortIP: 6
        case .bitmapIP, .bitmapPort, .listSet: 3
        }
    }
}

extension String {
    fileprivate var escapedForXML: String {
        var text = ""
        for character in self {
            switch character {
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "&": text += "&amp;"
            case "\"": text += "&quot;"
            default: text.append(character)
            }
        }
        return text
    }
}
