// Text of which every byte comes back.
//
// Rules and sets are bytes to iptables and ipset: comments and prefixes in Latin-1 are as good as any. Here they are `String`s, which are
// UTF-8. So a byte that belongs to no UTF-8 character is carried as a scalar that no text has, one of the last 128 of Unicode's private
// planes: 0x80 as U+10FF80 up to 0xFF as U+10FFFF. Should a text have one of these, its four bytes are carried singly: nothing is lost.

extension String {
    /// Text that gives back these bytes, whatever they are.
    public init(keeping bytes: [UInt8]) {
        if let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(Self.firstOfLastPlane) {
            self = text
            return
        }
        self.init()
        var iterator = bytes.makeIterator()
        var parser = Unicode.UTF8.ForwardParser()
        var place = 0
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid(let encoded):
                let scalar = Unicode.UTF8.decode(encoded)
                if Self.carriers.contains(scalar) {
                    for byte in bytes[place..<place + encoded.count] { append(carrying: byte) }
                } else {
                    unicodeScalars.append(scalar)
                }
                place += encoded.count
            case .error(let length):
                for byte in bytes[place..<place + length] { append(carrying: byte) }
                place += length
            case .emptyInput: return
            }
        }
    }

    /// The bytes that `init(keeping:)` was given; for every other text its UTF-8.
    public var keptBytes: [UInt8] {
        guard utf8.contains(Self.firstOfLastPlane) else { return Array(utf8) }
        var bytes: [UInt8] = []
        for scalar in unicodeScalars {
            if Self.carriers.contains(scalar) {
                bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            } else {
                bytes += UTF8.encode(scalar)!
            }
        }
        return bytes
    }

    /// How many bytes these are.
    public var keptCount: Int { utf8.contains(Self.firstOfLastPlane) ? keptBytes.count : utf8.count }

    /// What the UTF-8 of all scalars from U+100000 begins with.
    private static let firstOfLastPlane: UInt8 = 0xF4
    private static let carriers: ClosedRange<Unicode.Scalar> = "\u{10FF80}"..."\u{10FFFF}"

    private mutating func append(carrying byte: UInt8) {
        unicodeScalars.append(byte < 0x80 ? Unicode.Scalar(byte) : Unicode.Scalar(0x10_FF00 + UInt32(byte))!)
    }
}
