/// A fuzzer's bytes, read as numbers from the front. Behind the end everything is 0.
public struct FuzzInput {
    private var rest: ArraySlice<UInt8>

    public init(_ bytes: UnsafePointer<UInt8>?, _ count: Int) {
        rest = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))[...]
    }

    public var isEmpty: Bool { rest.isEmpty }
    public mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }
    public mutating func short() -> UInt16 { UInt16(byte()) << 8 | UInt16(byte()) }
    public mutating func word() -> UInt32 { UInt32(short()) << 16 | UInt32(short()) }
    /// A number below `count`.
    public mutating func below(_ count: Int) -> Int { Int(byte()) % count }
    public mutating func bytes(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}
