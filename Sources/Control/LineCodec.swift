import FoundationEssentials

/// Turns requests and replies into lines of JSON and back.
public enum LineCodec {
    /// The value as one line with its newline. JSON escapes newlines in text, so none stands inside.
    public static func encode(_ value: some Encodable) throws(Failure) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return [UInt8](try encoder.encode(value)) + [UInt8(ascii: "\n")]
        } catch {
            throw Failure("cannot be written as JSON: \(error)")
        }
    }

    /// The value a line holds, the newline left off.
    ///
    /// - Throws: what is wrong with the line, in words for whoever wrote it.
    public static func decode<Value: Decodable>(_ type: Value.Type, from line: some Collection<UInt8>) throws(Failure)
        -> Value
    {
        do {
            return try JSONDecoder().decode(type, from: Data(line))
        } catch let error as DecodingError {
            throw Failure(describe(error))
        } catch {
            throw Failure("not JSON")
        }
    }

    private static func describe(_ error: DecodingError) -> String {
        func place(_ path: [any CodingKey]) -> String {
            path.isEmpty ? "" : " at " + path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, let context):
            return "\"\(key.stringValue)\" is missing\(place(context.codingPath))"
        case .valueNotFound(_, let context):
            return "a value is missing\(place(context.codingPath))"
        case .typeMismatch(let type, let context):
            return "not \(name(of: type))\(place(context.codingPath))"
        case .dataCorrupted(let context):
            let isSyntax = context.debugDescription.contains("not valid JSON")
            return isSyntax ? "not JSON" : context.debugDescription + place(context.codingPath)
        @unknown default:
            return "not understood"
        }
    }

    private static func name(of type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a text"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "a whole number"
        case is any FloatingPoint.Type: "a number"
        case is [String: Any].Type: "an object"
        case is [Any].Type: "a list"
        default: "a \(type)"
        }
    }
}
