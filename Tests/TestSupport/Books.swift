import FoundationEssentials

/// Martlet's accounts as `show stats --json` gives them. They balance: every frame that came in or was made is accounted
/// for, and every chunk of memory has an owner.
///
/// The JSON object has, at its top or inside `frames`: received, fromHost, madeHere, extraFragments, transmitted, toHost,
/// dropped (a number, or an object of reason → number), absorbed, held, framesOwned, framesInUmem.
public struct Books: CustomStringConvertible, Sendable {
    public private(set) var entries: [String: Int64] = [:]
    /// Drops by reason, if the answer lists them.
    public private(set) var drops: [String: Int64] = [:]

    public static let names = [
        "received", "fromHost", "madeHere", "extraFragments", "transmitted", "toHost", "dropped", "absorbed", "held",
        "framesOwned", "framesInUmem",
    ]

    /// - Throws: `LabError` if an entry is missing or no number.
    public init(json: String) throws {
        let line = json.split(separator: "\n").first { $0.contains("received") } ?? ""
        let root: JSONValue
        do {
            // One object over many lines, or one object a line.
            root =
                try (try? JSONDecoder().decode(JSONValue.self, from: Data(json.utf8)))
                ?? JSONDecoder().decode(JSONValue.self, from: Data(line.utf8))
        } catch { throw LabError("show stats --json is no JSON: \(error)\n\(json)") }
        for name in Self.names {
            switch root.search(name) {
            case .number(let number): entries[name] = number
            case .object(let reasons):
                for (reason, value) in reasons {
                    if case .number(let number) = value, number != 0 { drops[reason] = number }
                }
                entries[name] = drops.values.reduce(0, +)
            default: throw LabError("show stats --json has no \"\(name)\":\n\(json)")
            }
        }
        if case .object(let reasons) = root.search("drops") {
            for (reason, value) in reasons {
                if case .number(let number) = value, number != 0 { drops[reason] = number }
            }
        }
    }

    private subscript(_ names: String...) -> Int64 { names.reduce(0) { $0 + (entries[$1] ?? 0) } }

    /// What does not balance, in words; empty if all does.
    public var problems: [String] {
        var problems: [String] = []
        let came = self["received", "fromHost", "madeHere", "extraFragments"]
        let went = self["transmitted", "toHost", "dropped", "absorbed", "held"]
        if came != went { problems.append("\(came) came, \(went) went") }
        if self["framesOwned"] != self["framesInUmem"] {
            problems.append("\(self["framesOwned"]) frames owned of \(self["framesInUmem"])")
        }
        return problems
    }

    public var description: String {
        Self.names.map { "\($0) \(entries[$0] ?? 0)" }.joined(separator: ", ")
            + (drops.isEmpty
                ? ""
                : "; drops: " + drops.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
    }
}

/// Any JSON.
enum JSONValue: Decodable {
    case object([String: JSONValue])
    case array([JSONValue])
    case number(Int64)
    case other

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let object = try? container.decode([String: JSONValue].self) {
            self = .object(object)
        } else if let array = try? container.decode([JSONValue].self) {
            self = .array(array)
        } else if let number = try? container.decode(Int64.self) {
            self = .number(number)
        } else {
            self = .other
        }
    }

    /// The value of a key at the top, or else in an object inside.
    func search(_ name: String) -> JSONValue? {
        guard case .object(let object) = self else { return nil }
        if let value = object[name] { return value }
        for key in object.keys.sorted() { if let value = object[key]?.search(name) { return value } }
        return nil
    }
}
