import Net

/// Splits a line of a restore file into words, with iptables-restore's own quoting, which is not the shell's:
/// a closing quotation mark ends the word it stands in, a backslash escapes only between quotation marks, and
/// apostrophes and `#` mean nothing.
struct Lexer {
    /// The longest word iptables-restore takes, in bytes.
    static let longestWord = 1023

    /// - Parameter column: the column `text` starts at, from 1.
    /// - Throws: a quotation mark that is never closed, or a word that is too long.
    static func words(in text: Substring, line: Int, column: Int) throws(RuleError) -> [Word] {
        var words: [Word] = []
        var current = ""
        var start: SourceLocation?
        var quotationStart: SourceLocation?
        var isEscaped = false
        var here = SourceLocation(line: line, column: column)

        func finish() throws(RuleError) {
            guard let place = start else { return }
            let word = Word(current, at: place)
            guard current.keptCount <= longestWord else {
                throw RuleError("Parameter too long!", at: word)
            }
            words.append(word)
            current = ""
            start = nil
        }

        for character in text.unicodeScalars {
            defer { here.column += 1 }
            if quotationStart != nil {
                if isEscaped {
                    current.unicodeScalars.append(character)
                    isEscaped = false
                } else if character == "\\" {
                    isEscaped = true
                } else if character == "\"" {
                    quotationStart = nil
                    try finish()
                } else {
                    current.unicodeScalars.append(character)
                }
            } else if character == "\"" {
                quotationStart = here
                start = start ?? here
            } else if character == " " || character == "\t" {
                try finish()
            } else {
                start = start ?? here
                current.unicodeScalars.append(character)
            }
        }
        if let quotationStart {
            throw RuleError("quotation mark is never closed", at: Word("\"", at: quotationStart))
        }
        try finish()
        return words
    }
}
