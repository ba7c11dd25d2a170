import Net
import Testing

@Suite("Text that keeps bytes")
struct ByteTextTests {
    @Test(
        "every sequence of bytes comes back, and text is text",
        arguments: [
            [], Array("plain ä€𝄞".utf8), [0xFF], [0x80, 0x41, 0xC3], [0xC3, 0xA4, 0xC3], [0xF4, 0x8F, 0xBF, 0xBF], [0xF4, 0x8F, 0xBE, 0x80, 0xFE],
            [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0xF0, 0x9D, 0x84], [0xC0, 0xAF], [0xF4, 0x8F, 0xBD, 0xBF], Array(0...255),
        ] as [[UInt8]])
    func bytes(bytes: [UInt8]) {
        let text = String(keeping: bytes)
        #expect(text.keptBytes == bytes && text.keptCount == bytes.count)
        if let plain = String(validating: bytes, as: UTF8.self), !bytes.contains(0xF4) { #expect(text == plain) }
    }
}
