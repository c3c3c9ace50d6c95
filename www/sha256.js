/** @param {BufferSource} bytes @returns {Promise<string>} their SHA-256 sum in hexadecimal; rejects outside a secure context */
export async function sha256(bytes) {
  const sum = await crypto.subtle.digest('SHA-256', bytes)
  return [...new Uint8Array(sum)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
