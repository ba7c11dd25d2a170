import Glibc
import TestSupport

/// The kernel's own log, read for lines of LOG that begin with a mark of this process: the log is the whole machine's.
///
/// LOG in namespaces other than the first is switched on while the value lives.
final class KernelLogLines {
    private static let setting = "/proc/sys/net/netfilter/nf_log_all_netns"

    private let messages: KernelMessages
    private let formerSetting: String
    private let switcher: Int32
    /// In front of each prefix.
    let mark = "tw\(String(getpid(), radix: 36))_"

    /// To be made outside of any namespace of the laboratory: only the first one has the switch.
    init() throws {
        formerSetting = String(decoding: try readFile(Self.setting), as: UTF8.self)
        messages = try KernelMessages()
        switcher = unsafe open(Self.setting, O_WRONLY | O_CLOEXEC)
        guard switcher >= 0 else { throw LabError("cannot write \(Self.setting): errno \(errno)") }
    }

    deinit {
        _ = unsafe pwrite(switcher, Array(formerSetting.utf8), formerSetting.utf8.count, 0)
        close(switcher)
    }

    /// iptables-save text whose prefixes have the mark.
    func marked(_ rules: String) -> String { rules.replacing("--log-prefix \"", with: "--log-prefix \"\(mark)") }

    /// The same without it again.
    func unmarked(_ rules: String) -> String { rules.replacing(mark, with: "") }

    /// Forgets what was logged so far. Whoever else switches LOG on in namespaces may have switched it off again.
    func begin() throws {
        guard unsafe pwrite(switcher, [UInt8(ascii: "1"), 10], 2, 0) == 2 else { throw LabError("LOG not switched on: errno \(errno)") }
        messages.forget()
    }

    /// The lines since the last call, without the mark.
    func take() -> [LogText] {
        messages.take().filter { $0.text.hasPrefix(mark) }.map { LogText(level: $0.level, text: String($0.text.dropFirst(mark.count))) }
    }
}

extension OutcomeRecorder {
    /// A line of LOG with names in place of numbers that NAT chose, and without the IP id of what the router made itself.
    func text(ofLog line: LogText) -> String {
        // In ICMP's part `ID=` is the identifier of an echo.
        var isInHeader = true
        let words = line.text.split(separator: " ", omittingEmptySubsequences: false).map { word -> String in
            // A packet in brackets begins anew.
            if word.hasPrefix("[") { isInHeader = true }
            if word.hasPrefix("PROTO=") { isInHeader = false }
            let parts = word.split(separator: "=")
            guard parts.count == 2, let number = UInt16(parts[1].prefix { $0.isNumber }) else { return String(word) }
            let end = parts[1].drop { $0.isNumber }
            switch parts[0] {
            case "ID" where isInHeader: return sentIDs.contains(number) ? String(word) : "ID=*\(end)"
            case "ID", "SPT", "DPT": return "\(parts[0])=\(names.name(of: number))\(end)"
            default: return String(word)
            }
        }
        // A copy of TEE's comes from where it goes to, and its Ethernet header is whatever lay in the kernel's memory.
        let ways = words.filter { $0.hasPrefix("IN=") || $0.hasPrefix("OUT=") }.map { $0.split(separator: "=").last ?? "" }
        let isCopy = ways.count == 2 && ways[0] == ways[1]
        return "<\(line.level ?? 0)>" + words.filter { !isCopy || !$0.hasPrefix("MAC") }.joined(separator: " ")
    }
}
