/// A line that LOG writes, as scenarios have it: `<4>PREFIX IN=lan0 OUT=wan0 …`, the severity in front. A field `ID=*` of an expected
/// line takes any number.
public struct LogText: Sendable, Hashable, CustomStringConvertible {
    /// nil where the source of the line does not tell it.
    public var level: Int?
    /// Without the blank that ends it.
    public var text: String

    public init(level: Int?, text: String) {
        self.level = level
        self.text = text
        while self.text.last == " " { self.text.removeLast() }
    }

    /// - Throws: `LabError` if no severity stands in front.
    public init(_ text: String) throws {
        guard text.hasPrefix("<"), let end = text.firstIndex(of: ">"), let level = Int(text[text.index(after: text.startIndex)..<end])
        else { throw LabError("log <SEVERITY>LINE") }
        self.init(level: level, text: String(text[text.index(after: end)...]))
    }

    public var description: String { "<\(level.map(String.init) ?? "?")>\(text)" }

    /// Whether a line that came is the one that this expects.
    public func accepts(_ other: LogText) -> Bool {
        if let level, let given = other.level, level != given { return false }
        let pattern = text.split(separator: " ", omittingEmptySubsequences: false)
        let words = other.text.split(separator: " ", omittingEmptySubsequences: false)
        return pattern.count == words.count
            && zip(pattern, words).allSatisfy { $0 == $1 || $0.hasSuffix("=*") && $1.hasPrefix($0.dropLast()) }
    }

    /// The line with the IP id left open where the router chose it: in what it made itself, which came in nowhere.
    public var recorded: LogText {
        guard text.contains("IN= OUT="), let start = text.range(of: " ID=") else { return self }
        let rest = text[start.upperBound...]
        return LogText(level: level, text: text[..<start.upperBound] + "*" + rest.drop { $0 != " " })
    }
}
