import Glibc

func rounded(_ value: Double, _ digits: Int = 0) -> String {
    var text = [CChar](repeating: 0, count: 64)
    _ = unsafe withVaList([value]) { unsafe vsnprintf(&text, 64, "%.\(digits)f", $0) }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// What a line of results begins with.
func row(_ name: String) -> String { name + ":" + String(repeating: " ", count: max(41 - name.count, 0)) }

/// The value that a part of all, 0 to 1, lies below; `sorted` is not empty.
func quantile(_ sorted: [Double], _ part: Double) -> Double { sorted[min(Int(Double(sorted.count) * part), sorted.count - 1)] }
