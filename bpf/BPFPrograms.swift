/// The compiled BPF programs, part of the binary: one object for each `NAME.bpf.c` of this folder.
public enum BPFObject: String, CaseIterable, Sendable {
    /// XDP on a NIC.
    case steer
    /// XDP on a NIC that takes VLAN tags off: needs Linux 6.8 and is bound to its device.
    case steerTagged
    /// XDP on mart1.
    case hostReceive
    /// tc ingress on mart0.
    case hostIn
    /// tc egress on a NIC.
    case hostOut

    /// The ELF object.
    public var bytes: [UInt8] {
        switch self {
        case .steer: ObjectText.decode(ObjectText.steer)
        case .steerTagged: ObjectText.decode(ObjectText.steer_tagged)
        case .hostReceive: ObjectText.decode(ObjectText.host_receive)
        case .hostIn: ObjectText.decode(ObjectText.host_in)
        case .hostOut: ObjectText.decode(ObjectText.host_out)
        }
    }

    /// All programs' names in the kernel begin so, by which a later daemon knows what a dead one left.
    public static let namePrefix = "martlet_"
}

/// The objects as hexadecimal text; the CompileBPF plugin adds one constant for each.
enum ObjectText {
    /// Two lower-case digits make a byte. The text is the plugin's and always well formed.
    static func decode(_ text: StaticString) -> [UInt8] {
        func value(_ digit: UInt8) -> UInt8 { digit <= UInt8(ascii: "9") ? digit - 48 : digit - 87 }
        return text.withUTF8Buffer { digits in
            stride(from: 0, to: digits.count - 1, by: 2).map { at in
                unsafe value(digits[at]) << 4 | value(digits[at + 1])
            }
        }
    }
}
