import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.text.SimpleDateFormat;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** A client of the hub for Java 8 and later: REST, the signature of webhooks, the national client API. */
public final class Lienthong {
    private Lienthong() {}

    /** An answer: its status, its body, and how long to wait before the same call again. */
    public static final class Answer {
        public final int status;
        public final byte[] body;
        public final String retryAfter;
        public final String traceId;

        Answer(int status, byte[] body, String retryAfter, String traceId) {
            this.status = status;
            this.body = body;
            this.retryAfter = retryAfter;
            this.traceId = traceId;
        }

        /** Whether the same bytes may be sent again later: 408, 429 and 5xx. */
        public boolean mayRetry() {
            return status == 408 || status == 429 || status >= 500;
        }
    }

    /** Send a message as stored. An IOException means: perhaps accepted; send the same bytes again. */
    public static Answer send(String hub, String key, byte[] edxml) throws IOException {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("Authorization", "Bearer " + key);
        headers.put("Content-Type", "application/xml");
        return call("POST", hub + "/api/v1/documents", headers, edxml);
    }

    /** Ask for what has come, waiting up to 25 seconds. */
    public static Answer inbox(String hub, String key) throws IOException {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("Authorization", "Bearer " + key);
        return call("GET", hub + "/api/v1/inbox?wait=25", headers, null);
    }

    /** Confirm what was stored under its delivery id; repeat until there is an answer. */
    public static Answer confirm(String hub, String key, String deliveryId, long leaseToken) throws IOException {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("Authorization", "Bearer " + key);
        headers.put("Content-Type", "application/json");
        byte[] body = ("{\"lease_token\":" + leaseToken + "}").getBytes(StandardCharsets.US_ASCII);
        return call("POST", hub + "/api/v1/inbox/" + deliveryId + "/confirm", headers, body);
    }

    /** Check the signature of a webhook call before anything of it is believed. */
    public static boolean isFromTheHub(
            String deliveryId, String timestamp, String signature, byte[] body, byte[] secret)
            throws GeneralSecurityException {
        String digest = hex(MessageDigest.getInstance("SHA-256").digest(body));
        String good = "v1=" + hmac(secret, deliveryId + "." + timestamp + "." + digest);
        long now = System.currentTimeMillis() / 1000;
        boolean fresh = timestamp.matches("[0-9]{1,11}") && Math.abs(now - Long.parseLong(timestamp)) < 300;
        boolean found = false;
        for (String each : signature.split(",")) {
            found |= MessageDigest.isEqual(
                    good.getBytes(StandardCharsets.US_ASCII), each.getBytes(StandardCharsets.US_ASCII));
        }
        return fresh && found;
    }

    /**
     * Call an operation of the national exchange's client API. Parameters in ASCII only. Any but downloadEdoc,
     * which is called by GET and answers without JSON: take getEdoc. An answer that is no JSON is an outage,
     * never "no mail".
     */
    public static Answer vxp(
            String base, String systemId, String secret, String operation, Map<String, String> parameters,
            byte[] body) throws IOException, GeneralSecurityException {
        boolean document = "sendEdoc".equals(operation);
        Map<String, String> signed = new LinkedHashMap<>();
        signed.put("systemid", systemId);
        signed.putAll(parameters);
        if (document) {
            signed.put("hash-file", hex(MessageDigest.getInstance("SHA-256").digest(body)));
        }
        SimpleDateFormat stamp = new SimpleDateFormat("ddMMyyyy'T'HHmmss+SSSS", Locale.ROOT);
        stamp.setTimeZone(TimeZone.getTimeZone("Asia/Ho_Chi_Minh"));
        signed.put("timestamp", stamp.format(new Date()));
        signed.put("Content-Type", document ? "application/octet-stream" : "application/json");
        StringBuilder text = new StringBuilder("{");
        Map<String, String> headers = new LinkedHashMap<>();
        for (Map.Entry<String, String> each : signed.entrySet()) {
            String value = each.getValue().replace("\\", "\\\\").replace("\"", "\\\"");
            text.append(text.length() > 1 ? "," : "");
            text.append("\"XroadVnpt-").append(each.getKey()).append("\":\"").append(value).append('"');
            headers.put("XroadVnpt-" + each.getKey(), each.getValue());
        }
        text.append('}');
        headers.put("Content-Type", signed.get("Content-Type"));
        headers.put("XroadVnpt-sign-header-key", String.join(";", signed.keySet()));
        headers.put("XroadVnpt-sign-header", text.toString());
        headers.put("XroadVnpt-hash-header", hmac(secret.getBytes(StandardCharsets.UTF_8), text.toString()));
        return call("POST", base + "/" + operation, headers, body);
    }

    private static Answer call(String method, String url, Map<String, String> headers, byte[] body)
            throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        connection.setRequestMethod(method);
        connection.setConnectTimeout(10_000);
        connection.setReadTimeout(620_000);
        for (Map.Entry<String, String> each : headers.entrySet()) {
            connection.setRequestProperty(each.getKey(), each.getValue());
        }
        if (body != null) {
            connection.setDoOutput(true);
            connection.setFixedLengthStreamingMode(body.length);
            try (OutputStream out = connection.getOutputStream()) {
                out.write(body);
            }
        }
        int status = connection.getResponseCode();
        ByteArrayOutputStream read = new ByteArrayOutputStream();
        try (InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            byte[] buffer = new byte[65_536];
            for (int n = in == null ? -1 : in.read(buffer); n >= 0; n = in.read(buffer)) {
                read.write(buffer, 0, n);
            }
        }
        return new Answer(
                status, read.toByteArray(), connection.getHeaderField("Retry-After"),
                connection.getHeaderField("X-Trace-Id"));
    }

    private static String hmac(byte[] key, String text) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return hex(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte each : bytes) {
            text.append(String.format("%02x", each));
        }
        return text.toString();
    }
}
