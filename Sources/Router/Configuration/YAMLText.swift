import Control
import Yams

/// YAML text as a tree of nodes, with everything that is wrong with it as YAML.
///
/// The library refuses a tree as soon as a mapping has a key twice. That would hide every other mistake, so the first of
/// two equal keys is renamed in a copy of the text – its first letter becomes a scalar of a private-use plane, which
/// keeps all columns – and the text is read again. `originalKey` undoes this.
struct YAMLText {
    let root: Node?
    let diagnostics: [Diagnostic]

    init(_ text: String, file: String) {
        var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { Array($0) }
        var found: [Diagnostic] = []
        var read: Node?
        var isFinished = false
        while !isFinished {
            isFinished = true
            do {
                read = try Yams.compose(yaml: Self.joined(lines))
            } catch let error as YamlError {
                if case .duplicatedKeysInMapping(_, let context) = error, Self.hideKey(at: context.mark, in: &lines) {
                    isFinished = false
                } else {
                    found.append(Self.diagnostic(error, file: file))
                }
            } catch {
                found.append(Diagnostic(file: file, message: "\(error)"))
            }
        }
        root = read
        diagnostics = found
    }

    /// A key as the operator wrote it.
    static func originalKey(_ key: String) -> String {
        guard let first = key.unicodeScalars.first, let letter = revealed(first) else { return key }
        var scalars = String.UnicodeScalarView(key.unicodeScalars.dropFirst())
        scalars.insert(letter, at: scalars.startIndex)
        return String(scalars)
    }

    // Planes 15 and 16 are private: no configuration has a reason to hold their scalars. A hidden letter is plane 15 plus
    // 128 times the number of the line (modulo 496, so that a third key of the name is not equal to the second hidden one)
    // plus the ASCII letter.
    private static let base: UInt32 = 0xF_0000

    private static func revealed(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        guard scalar.value >= base, scalar.value < base + 0xF800 else { return nil }
        return Unicode.Scalar((scalar.value - base) & 127)
    }

    private static func hideKey(at mark: Mark, in lines: inout [[Unicode.Scalar]]) -> Bool {
        let line = mark.line - 1
        var column = mark.column - 1
        guard lines.indices.contains(line), lines[line].indices.contains(column) else { return false }
        if lines[line][column] == "\"" || lines[line][column] == "'" { column += 1 }
        guard lines[line].indices.contains(column) else { return false }
        let letter = lines[line][column]
        guard letter.isASCII, letter.properties.isAlphabetic || letter.properties.numericType != nil,
            let hidden = Unicode.Scalar(base + UInt32((line * 7 + column) % 496) * 128 + letter.value)
        else { return false }
        lines[line][column] = hidden
        return true
    }

    private static func joined(_ lines: [[Unicode.Scalar]]) -> String {
        var text = String.UnicodeScalarView()
        for (number, line) in lines.enumerated() {
            if number > 0 { text.append("\n") }
            text.append(contentsOf: line)
        }
        return String(text)
    }

    private static func diagnostic(_ error: YamlError, file: String) -> Diagnostic {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let what = context.map { "\($0.text) from line \($0.mark.line): \(problem)" } ?? problem
            return Diagnostic(file: file, line: mark.line, column: mark.column, message: "not YAML: \(what)")
        case .reader(let problem, let offset, _, let yaml):
            // The offset counts characters; the line of the last one before it is near enough to look at.
            let before = offset.map { yaml.prefix($0) } ?? ""
            let line = before.unicodeScalars.count { $0 == "\n" } + 1
            return Diagnostic(file: file, line: offset == nil ? 0 : line, message: "not YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            return Diagnostic(
                file: file, line: context.mark.line, column: context.mark.column,
                message: "duplicate key \"\(originalKey(keys.first ?? ""))\"")
        default:
            return Diagnostic(file: file, message: "not YAML: \(error)")
        }
    }
}
