/// The names of helpers, by the small number that a flow carries. The packet path knows numbers alone; rules and listings
/// know names.
public struct HelperNames: Sendable, Equatable {
    /// The most helpers there may be: rules hold a set of them in a word.
    public static let limit = 63

    /// The first has number 1; 0 stands for no helper.
    public private(set) var names: [String]

    /// A helper on another than its usual port is one of its own, named like `ftp-2121` (nf_ct_helper_init).
    public init(_ names: [String] = ["ftp", "irc", "tftp", "amanda"]) { self.names = Array(names.prefix(Self.limit)) }

    /// nil if there is none with this number.
    public func name(of number: UInt8) -> String? {
        number > 0 && Int(number) <= names.count ? names[Int(number) - 1] : nil
    }

    /// nil if no helper has this name.
    public func number(of name: String) -> UInt8? { names.firstIndex(of: name).map { UInt8($0 + 1) } }

    /// The number of a helper, which is entered if it is new; nil if there are too many.
    public mutating func enter(_ name: String) -> UInt8? {
        if let number = number(of: name) { return number }
        guard names.count < Self.limit else { return nil }
        names.append(name)
        return UInt8(names.count)
    }

    /// The helpers that `-m helper` means by a name, a bit for each number: those whose own name the given one begins with, so that
    /// `ftp-2121` means the helper `ftp` too; an empty name means all (helper_mt in net/netfilter/xt_helper.c).
    public func numbers(meantBy name: String) -> UInt64 {
        guard !name.isEmpty else { return ~1 }
        var numbers: UInt64 = 0
        for (index, known) in names.enumerated() where name.utf8.starts(with: known.utf8) { numbers |= 1 << UInt64(index + 1) }
        return numbers
    }
}
