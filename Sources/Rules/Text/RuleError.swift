/// Why a rule, a command or a line is refused. The words are those of iptables where it has some for the case.
public struct RuleError: Error, Hashable, Sendable {
    /// One sentence without a full stop.
    public var message: String
    /// What the operator may have meant, as a sentence's end: `did you mean "state"?`.
    public var hint: String?
    /// The word at fault, if it is one word.
    public var word: Word?
    /// iptables' exit code for the case: 1 other, 2 usage, 3 version, 4 resource.
    public var exitCode: Int32

    /// The match or target at fault, if the error was found after the rule was read and there is no word to point at.
    public internal(set) var subject: String?
    /// What the iptables command says instead of `message`, where scripts may be looking for its words.
    var legacyMessage: String?
    /// A line the iptables command says before it.
    var warning: String?
    /// The whole line with which iptables-restore ends, with code 1, where it has one of its own.
    var restoreMessage: String?
    /// Whether the iptables command says it without its name and version in front.
    var isBare = false

    public init(_ message: String, hint: String? = nil, at word: Word? = nil, exitCode: Int32 = 2) {
        self.init(message, hint: hint, at: word, exitCode: exitCode, legacy: nil)
    }

    init(_ message: String, hint: String? = nil, at word: Word? = nil, exitCode: Int32 = 2, legacy: String? = nil, isBare: Bool) {
        self.init(message, hint: hint, at: word, exitCode: exitCode, legacy: legacy)
        self.isBare = isBare
    }

    init(
        _ message: String, hint: String? = nil, at word: Word? = nil, exitCode: Int32 = 2, legacy: String?, warning: String? = nil
    ) {
        self.warning = warning
        self.message = message
        self.hint = hint
        self.word = word
        self.exitCode = exitCode
        legacyMessage = legacy
    }
}

extension RuleError {
    /// What iptables says where it is the kernel that refuses: no more than the error number.
    enum KernelAnswer: String {
        case invalid = "Invalid argument. Run `dmesg' for more information."
        case missing = "No chain/target/match by that name."
        case loop = "Too many levels of symbolic links."
        case range = "Numerical result out of range."
    }

    /// The same as an error that iptables itself does not see.
    func byKernel(_ answer: KernelAnswer = .invalid) -> RuleError {
        var copy = self
        copy.exitCode = 1
        copy.legacyMessage = answer.rawValue
        return copy
    }
}

extension RuleError: CustomStringConvertible {
    public var description: String {
        if let hint { "\(message); \(hint)" } else { message }
    }
}
