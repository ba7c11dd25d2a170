import CXDP
import Net

/// A message being written: struct nlmsghdr, a fixed part, attributes. `finish` fills in length and sequence.
struct NetlinkRequest {
    /// What it asks for, for error texts: words that end a sentence beginning with "cannot".
    let operation: String
    private(set) var bytes: [UInt8]

    init(_ operation: String, kind: Int, flags: Int32) {
        self.operation = operation
        bytes = []
        append(UInt32(0))
        append(UInt16(truncatingIfNeeded: kind))
        append(UInt16(truncatingIfNeeded: flags | NLM_F_REQUEST))
        append(UInt32(0))
        append(UInt32(0))
    }

    mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> Number(shift)))
        }
    }

    mutating func attribute(_ kind: Int, _ payload: [UInt8]) {
        append(UInt16(truncatingIfNeeded: 4 + payload.count))
        append(UInt16(truncatingIfNeeded: kind))
        bytes += payload
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    mutating func attribute(_ kind: Int, _ number: UInt32) {
        append(UInt16(8))
        append(UInt16(truncatingIfNeeded: kind))
        append(number)
    }

    mutating func attribute(_ kind: Int, _ address: IPv4Address) {
        attribute(kind, address.rawValue.bigEndian)
    }

    /// The message as it is sent.
    consuming func finish(sequence: UInt32) -> [UInt8] {
        var message = bytes
        for (offset, value) in [(0, UInt32(truncatingIfNeeded: bytes.count)), (8, sequence)] {
            for index in 0..<4 { message[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index)) }
        }
        return message
    }
}
