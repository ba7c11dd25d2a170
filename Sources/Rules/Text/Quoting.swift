/// How saved text quotes a string: not at all if it is made of letters, digits, `_` and `-`; otherwise in quotation
/// marks, with a backslash before `"`, `\` and `'`.
enum Quoting {
    static func quoted(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
        if isPlain { return text }
        var result = "\""
        for character in text.unicodeScalars {
            if character == "\"" || character == "\\" || character == "'" { result.append("\\") }
            result.unicodeScalars.append(character)
        }
        return result + "\""
    }
}

extension Quoting {
    /// For strings that iptables saves as they are, which works unless they have blanks or quotation marks in them:
    /// only those are quoted, so that what is saved can be restored.
    static func quotedIfBroken(_ text: String) -> String {
        let isBroken = text.isEmpty || text.unicodeScalars.contains { $0 == " " || $0 == "\t" || $0 == "\"" }
        return isBroken ? quoted(text) : text
    }
}
