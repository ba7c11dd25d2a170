extension Extensions {
    /// The documentation's table of every match and target: Markdown, a row each, made of the one list.
    public static var documentation: String {
        var text = "| | name | what | where | status |\n|---|---|---|---|---|\n"
        for description in descriptions {
            let option = description.kind == .match ? "-m" : "-j"
            text += "| `\(option)` | \(description.name) | \(description.summary) | \(place(of: description)) |"
            text += " \(status(of: description)) |\n"
        }
        return text
    }

    private static func place(of description: ExtensionDescription) -> String {
        if case .refused = description.status { return "" }
        var parts: [String] = []
        if description.tables.count < TableName.allCases.count {
            parts.append(
                TableName.allCases.filter { description.tables.contains($0) }.map(\.rawValue).joined(separator: ", "))
        }
        if description.hooks != .all { parts.append(description.hooks.description) }
        if !description.protocols.isEmpty {
            let names = description.protocols.map { Names.protocolName($0) ?? String($0) }
            parts.append("-p \(names.joined(separator: ", "))")
        }
        return parts.joined(separator: "; ")
    }

    private static func status(of description: ExtensionDescription) -> String {
        switch description.status {
        case .acts: description.scope == .flow ? "acts, once a flow" : "acts, packet by packet"
        case .inactive(let awaited): "comes with \(awaited)"
        case .refused(let reason): "refused: \(reason)"
        }
    }
}
